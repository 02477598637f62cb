// Values that land in another form: money with more decimals than it has, and the times of clients whose clocks are wrong.
import t from 'tap'
import fc from 'fast-check'
import { checkEvent, findAside, splitMembers } from './index.ts'
import { roundMoney } from './money.ts'
import { printTimestamp, readTimestamp } from './timestamp.ts'

const now = Date.parse('2026-03-01T12:00:00Z')
const options = { receivedAtMs: now, futureMinutesMax: 60, ageDaysMax: 7, eventBytesMax: 65_536, moneyRound: true, live: true }
const at = (minutes: number): string => new Date(now + minutes * 60_000).toISOString()
const order = { event_id: 'e', event_type: 'order_created', timestamp: at(-1), order_id: 'o' }
const raw = (members: string): Buffer => Buffer.from(`${JSON.stringify(order).slice(0, -1)},${members}}`)
const check = (event: object, more: object = {}) => checkEvent(Buffer.from(JSON.stringify(event)), { ...options, ...more })

t.test('money is rounded from its text, half away from zero', async t => {
  const cases: [string, string][] = [['1.005', '1.01'], ['1.0049999999999999999', '1.00'], ['0.995', '1.00'], ['-1.005', '-1.01'], ['2.675', '2.68'], ['0.001', '0.00'], ['1234567890123456.785', '1234567890123456.79'], ['19.990', '19.99'], ['9999999999999999.994', '9999999999999999.99']]
  for (const [sent, money] of cases) {
    t.equal(roundMoney(sent), money, sent)
    for (const spelled of [sent, `"${sent}"`]) {
      const read = checkEvent(raw(`"amount":${spelled}`), options)
      t.match(read, { ok: true, hasExtra: true, amended: [{ wire: 'amount', value: `"${money}"` }] }, spelled)
      t.equal(read.ok && Buffer.from(read.value).toString(), raw(`"amount":${spelled}`).toString(), 'the log holds what was sent')
    }
    t.match(checkEvent(raw(`"amount":${sent}`), { ...options, moneyRound: false }), { ok: false, code: 'EVENT_FIELD_TYPE', path: 'amount' }, 'not unless the operator wants it')
  }
  for (const sent of ['9999999999999999.995', '1e-3', '12345678901234567.123', '"1.005 "', '"much"', '1.0050e1']) t.match(checkEvent(raw(`"unit_price":${sent}`), options), { ok: false, path: 'unit_price' }, sent)
  fc.assert(fc.property(fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }), digits => {
    const size = digits < 0n ? -digits : digits
    const text = `${digits < 0n ? '-' : ''}${size / 1000n}.${String(size % 1000n).padStart(3, '0')}`
    const hundredths = (size + 5n) / 10n
    return roundMoney(text) === `${digits < 0n ? '-' : ''}${hundredths / 100n}.${String(hundredths % 100n).padStart(2, '0')}`
  }))
})

t.test('an amount that follows from a rounded price has to fit its column', async t => {
  t.match(checkEvent(raw('"quantity":3,"unit_price":1.005'), options), { ok: true, amended: [{ wire: 'unit_price', value: '"1.01"' }] })
  t.match(checkEvent(raw('"quantity":2,"unit_price":9999999999999999.985'), options), { ok: false, code: 'EVENT_FIELD_RANGE', path: 'amount' })
})

t.test('a wrong clock is corrected by what it said when the event was sent', async t => {
  const cases: [string, number, number, number | null][] = [
    ['61 minutes ahead', 61, 61, 0], ['a day ahead', 1440, 1441, -1], ['in 1970', -29_539_440, -29_539_435, -5], ['an hour behind, sent from a queue', -180, -60, -120], ['years ahead', 5e6, 5e6, 0],
    ['right', -1, 0, null], ['a slow network', -1, -0.9, null]
  ]
  for (const [clock, event, sent, wanted] of cases) {
    const read = check({ ...order, timestamp: at(event), sent_at: at(sent) })
    t.match(read, { ok: true, hasExtra: wanted !== null, amended: wanted === null ? [] : [{ wire: 'timestamp', value: JSON.stringify(at(wanted).replace('Z', '000Z')) }] }, clock)
    const found = findAside(Buffer.from(JSON.stringify({ ...order, timestamp: at(event), sent_at: at(sent) })), now)
    t.same(found!.amended, read.ok && read.amended, 'the writer finds the same')
  }
  t.match(check({ ...order, timestamp: at(61) }), { ok: false, code: 'EVENT_TIMESTAMP_OUT_OF_WINDOW' }, 'without sent_at nothing says which clock is wrong')
  t.match(check({ ...order, timestamp: at(-11_000), sent_at: at(60) }), { ok: false, code: 'EVENT_TIMESTAMP_OUT_OF_WINDOW', message: /which by its sent_at is/ })
  t.match(check({ ...order, timestamp: at(61), sent_at: at(61) }, { live: false }), { ok: false }, 'a line of a file was sent some time')
  t.match(check({ ...order, timestamp: at(-5000), sent_at: at(-5000) }, { live: false }), { ok: true, amended: [] })
  t.match(check({ ...order, sent_at: 'just now' }), { ok: true, aside: ['sent_at'], amended: [] }, 'what is no time corrects nothing')
  t.match(check({ ...order, event_type: 'of_our_own', timestamp: at(90), sent_at: at(90) }), { ok: true, amended: [{ wire: 'timestamp' }] })
})

t.test('both are kept: the amended value in its place, the one that was sent beside it', async t => {
  const { kept, extra } = splitMembers('{"am\\u006funt": 1.005 ,"x":1}', name => name === 'amount', undefined, name => name === 'amount' ? '"1.01"' : undefined)
  t.equal(kept, '{"am\\u006funt":"1.01"}')
  t.equal(extra, '{"am\\u006funt":1.005,"x":1}')
})

t.test('a printed time is read as the same instant', async () => {
  fc.assert(fc.property(fc.integer({ min: -1e15, max: 4e15 }), micros => {
    const bytes = Buffer.from(printTimestamp(micros / 1000))
    return Math.round(readTimestamp(bytes, 0, bytes.length) * 1000) === micros
  }))
})
