// Ids that mean nothing, and currencies in any spelling: what is refused, what is absent, and what stays as it was sent.
import t from 'tap'
import fc from 'fast-check'
import { Compile } from 'typebox/compile'
import { contract } from './contract.ts'
import { currencyCodes, currencyOf } from './currencies.ts'
import { exampleEvent } from './examples.ts'
import { blanks, mayMeanNothing, meansNothing, wordsForNothing } from './identities.ts'
import { checkEvent, mapRecord } from './index.ts'
import { eventSchema } from './schemas.ts'

const timestamp = '2026-03-01T12:00:00Z'
const options = { receivedAtMs: Date.parse(timestamp), futureMinutesMax: 60, ageDaysMax: 7, eventBytesMax: 65_536 }
const check = (event: object) => checkEvent(Buffer.from(JSON.stringify(event)), options)

const zeros = '00000000-0000-0000-0000-000000000000'
const nothings = ['', ' ', '\t\r\n', '\u00a0', '\u200b', '\ufeff', ...wordsForNothing, 'NULL', 'Undefined', 'NaN', ' none ', 'Guest\u2003', zeros, zeros.replaceAll('-', ''), `{${zeros}}`, `urn:uuid:${zeros}`, `URN:UUID:${zeros}`, ` ${zeros}`, ' '.repeat(200)]
const ids = ['0', '00', '-', 'x', 'nullable', 'guest-1', 'Nanette', 'nil5', 'a n/a', zeros.replace(/0$/, '1'), zeros.slice(1), `${zeros}0`, '0'.repeat(31), 'unknown soldier', '😀']

t.test('an id that means nothing is refused where it is required, on every type', async t => {
  for (const nothing of nothings) {
    for (const type of contract.eventTypes) {
      const example = exampleEvent(contract, type, timestamp)
      const schema = Compile(eventSchema(contract, type))
      for (const field of ['event_id', ...type.required.filter(name => name.endsWith('_id'))]) {
        const event = { ...example, [field]: nothing }
        t.match(check(event), { ok: false, code: /EVENT_(ID_MEANINGLESS|FIELD_TYPE)/, path: field, message: new RegExp(`^${field} `) }, `${field} of ${type.name}: ${JSON.stringify(nothing)}`)
        t.notOk(schema.Check(event), 'and by the published schema')
      }
    }
  }
})

t.test('an optional one is absent, and is no key of the log', async t => {
  for (const nothing of nothings) {
    const event = { event_id: 'e-1', event_type: 'order_created', timestamp, order_id: 'o-1', session_id: nothing, user_id: nothing, customer_id: nothing, product_id: nothing }
    t.match(check(event), { ok: true, key: 'e-1', hasExtra: true, aside: ['session_id', 'user_id', 'customer_id', 'product_id'] }, JSON.stringify(nothing))
    t.match(check({ ...event, user_id: 'u-1' }), { key: 'u-1' })
    t.match(check({ ...event, event_type: 'purchase', order_id: nothing, session_id: 's' }), { ok: true, key: 's', aside: ['order_id', 'user_id', 'customer_id', 'product_id'] })
    t.match(check({ ...event, event_type: 'of_our_own' }), { ok: true, key: 'e-1', aside: ['session_id', 'user_id'] }, 'a type that is not declared')
  }
  for (const id of ids) {
    const event = { event_id: id, event_type: 'payment_captured', timestamp, order_id: id, payment_id: id, amount: 1, session_id: id, user_id: id, card_fingerprint: id }
    t.match(check(event), { ok: true, eventId: id, key: id, hasExtra: false, aside: [] }, `an id: ${id}`)
  }
  t.match(check({ event_id: 'e', event_type: 'page_view', timestamp, title: 'null', url: '', location: 'none' }), { hasExtra: false, aside: [] }, 'other texts say what they say')
})

t.test('however it is spelled in JSON', async t => {
  for (const raw of ['"\\u006eull"', '"\\t"', '"\\u00a0guest"', '"\\u00300000000-0000-0000-0000-000000000000"']) {
    const event = (field: string): Buffer => Buffer.from(`{"event_type":"order_created","timestamp":"${timestamp}","event_id":"e","order_id":"o","${field}":${raw}}`.replace(`"${field}":"${field[0]}",`, ''))
    t.match(checkEvent(event('order_id'), options), { ok: false, code: 'EVENT_ID_MEANINGLESS', path: 'order_id' }, raw)
    t.match(checkEvent(event('customer_id'), options), { ok: true, aside: ['customer_id'] }, raw)
  }
})

t.test('the quick look at the bytes misses nothing', async () => {
  const text = fc.tuple(fc.constantFrom('', ' ', '\u00a0', '\u3000  '), fc.constantFrom(...nothings, ...ids), fc.constantFrom('', ' ', '\ufeff'), fc.boolean()).map(([a, b, c, upper]) => `${a}${upper ? b.toUpperCase() : b}${c}`)
  fc.assert(fc.property(fc.oneof(text, fc.string({ unit: 'grapheme' }), fc.string({ unit: fc.constantFrom(...blanks, 'n', 'u', 'l', '0', '-') })), text => {
    const bytes = Buffer.from(text)
    return !meansNothing(text) || mayMeanNothing(bytes, 0, bytes.length)
  }), { numRuns: 3000 })
})

t.test('a mapped record without a meaningful event_id gets one from what it says', async t => {
  const record = { order_id: 'o-1', order_status: 'NEW', timestamp }
  const idOf = (event_id: unknown): unknown => (JSON.parse(Buffer.from(mapRecord('orders', Buffer.from(JSON.stringify({ ...record, event_id })))!.event).toString()) as { event_id: string }).event_id
  for (const nothing of ['', 'null', zeros]) t.match(idOf(nothing), /^[0-9a-f]{32}$/)
  t.equal(idOf('mine'), 'mine')
})

t.test('a currency is its code, in any case and with blanks around it', async t => {
  for (const [sent, code] of [['EUR', 'EUR'], ['eur', 'EUR'], [' Eur\t', 'EUR'], ['\u00a0usd', 'USD'], ['jpy\u200b', 'JPY'], ['XXX', 'XXX'], ['xts', 'XTS']] as const) t.equal(currencyOf(sent), code)
  for (const sent of ['', ' ', 'EU', 'EURO', 'E UR', '€', 'ABC', 'BTC', '978', 'null', 'ＥＵＲ', 'uſd', 'ıls', 'EUR,USD']) t.equal(currencyOf(sent), null, sent)
  t.equal(currencyCodes.size, 189)
})

t.test('an event whose currency is none is kept, its currency as it was sent', async t => {
  const order = { event_id: 'e', event_type: 'order_created', timestamp, order_id: 'o', amount: 5 }
  t.match(check({ ...order, currency: ' eur' }), { ok: true, hasExtra: false, aside: [] })
  for (const currency of ['', 'euro', 'BTC']) t.match(check({ ...order, currency }), { ok: true, hasExtra: true, aside: ['currency'] })
  t.match(check({ ...order, currency: 978 }), { ok: false, code: 'EVENT_FIELD_TYPE', path: 'currency' }, 'a currency is a text')
})
