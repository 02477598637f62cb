// What an id that means nothing, a currency in any spelling, rounded money and a corrected time are as a row: the gateway's
// word is the writer's, for what came over HTTP, from files, and from producers that write to the log themselves.
import t from 'tap'
import { openEngine } from './engine.ts'
import { landRecords, landThrough, sides } from './two-contracts.fixture.ts'

const nowMs = Date.UTC(2026, 5, 15, 12)
const options = { receivedAtMs: nowMs, futureMinutesMax: 60, ageDaysMax: 7, eventBytesMax: 65_536, moneyRound: true, live: true }
const event = (type: string, more: object): string => JSON.stringify({ event_id: 'e', event_type: type, timestamp: '2026-06-15T11:00:00Z', ...more })
const zeros = '00000000-0000-0000-0000-000000000000'

t.test('meanings', async t => {
  const dir = t.testdir({})
  const engine = await openEngine({ memoryBytesMax: 256 * 1024 ** 2, stagingDir: dir, writers: 1 })
  t.teardown(() => { engine.close() })
  let run = 0
  const land = async (texts: string[], source = 'gateway') => {
    const events = texts.flatMap(text => {
      const checked = sides.shipped.reader.checkEvent(Buffer.from(text), { ...options, live: source === 'gateway' })
      if (!checked.ok) t.fail(checked.message)
      return checked.ok ? [checked] : []
    })
    const name = `run${run++}`
    return await landThrough(engine, { dir: `${dir}/${name}`, name, gateway: sides.shipped, writer: sides.shipped, nowMs, headers: { source } }, events)
  }
  const direct = async (values: string[], mapping?: 'orders' | 'payments') => {
    const name = `run${run++}`
    const records = values.map(value => ({ topic: 't', key: 'k', value: Buffer.from(value), headers: {}, timestampMs: nowMs }))
    return await landRecords(engine, { dir: `${dir}/${name}`, name, writer: sides.shipped, nowMs, moneyRound: true }, records, mapping === undefined ? {} : { t: mapping })
  }

  t.test('twelve guests are twelve events of nobody, not one customer', async t => {
    const guests = ['', ' ', 'undefined', 'null', 'NaN', 'None', 'nil', 'guest', 'Anonymous', zeros, zeros.replaceAll('-', ''), `{${zeros}}`]
    const { rows, aside } = await land(guests.map(customer_id => event('order_created', { order_id: 'o', customer_id, session_id: customer_id, product_id: 'null-7' })))
    guests.forEach((guest, i) => {
      t.match(rows[i], { _reason: null, order_id: 'o', customer_id: null, session_id: null, product_id: 'null-7' }, guest)
      t.same(JSON.parse(rows[i]!.properties as string), { $extra: { customer_id: guest, session_id: guest } })
    })
    t.strictSame(Object.fromEntries(aside), { customer_id: 12, session_id: 12 })
  })

  t.test('a currency is its code; what is none has no default in its place; a payment without one takes its order\'s', async t => {
    const texts = [
      ...['EUR', 'eur', ' Eur\n', '\u00a0eur\u200b'].map(currency => event('order_created', { order_id: 'o', currency })),
      ...['', 'euro', 'BTC'].map(currency => event('order_created', { order_id: 'o', currency })),
      event('order_created', { order_id: 'o' }), event('order_created', { order_id: 'o', currency: null }),
      event('payment_captured', { payment_id: 'p', order_id: 'o', amount: 1 }), event('payment_captured', { payment_id: 'p', order_id: 'o', amount: 1, currency: 'usd' })
    ]
    const { rows } = await land(texts)
    t.strictSame(rows.map(({ currency }) => currency), ['EUR', 'EUR', 'EUR', 'EUR', null, null, null, 'USD', 'USD', null, 'USD'])
    t.strictSame(rows.map(({ properties }) => properties).filter(kept => kept !== null), ['', 'euro', 'BTC'].map(currency => JSON.stringify({ $extra: { currency } })))
  })

  t.test('rounded money is a value, and the text that was sent is kept', async t => {
    const texts = ['1.005', '"2.675"', '-0.125', '1234567890123456.785'].map(amount => event('order_created', { order_id: 'o', amount: 0 }).replace('"amount":0', `"amount":${amount}`))
    const { rows, amended } = await land([...texts, event('order_created', { order_id: 'o', quantity: 3, unit_price: '1.005' })])
    t.strictSame(rows.map(({ amount }) => amount), ['1.01', '2.68', '-0.13', '1234567890123456.79', '3.03'])
    t.match(rows.map(({ properties }) => properties), [/^\{"\$extra":\{"amount":1\.005\}\}$/, /"2\.675"/, /-0\.125/, /1234567890123456\.785/, /"unit_price":"1\.005"/])
    t.strictSame(Object.fromEntries(amended), { amount: 4, unit_price: 1 })
  })

  t.test('a wrong clock is corrected by sent_at, and both times are kept; what a file holds is not', async t => {
    const ahead = event('page_view', { timestamp: '2026-06-15T13:01:00.5Z', sent_at: '2026-06-15T13:01:30Z' })
    const { rows: [live], amended } = await land([ahead])
    t.match(live, { _reason: null, event_time: String(Date.UTC(2026, 5, 15, 11, 59, 30, 500) * 1000), sent_at: String(Date.UTC(2026, 5, 15, 13, 1, 30) * 1000), properties: '{"$extra":{"timestamp":"2026-06-15T13:01:00.5Z"}}' })
    t.strictSame(Object.fromEntries(amended), { timestamp: 1 })
    const { rows: [filed] } = await land([event('page_view', { sent_at: '2026-06-14T11:00:00Z' })], 'ingest')
    t.match(filed, { event_time: String(Date.UTC(2026, 5, 15, 11) * 1000), sent_at: String(Date.UTC(2026, 5, 14, 11) * 1000), properties: null })
  })

  t.test('producers that write to the log themselves are judged alike, mapped or not', async t => {
    const order = { order_id: 'o', order_status: 'NEW', timestamp: '2026-06-15 11:00:00', quantity: 1, unit_price: 1.005 }
    const { rows, framer } = await direct([JSON.stringify({ ...order, event_id: '', customer_id: 'null', currency: ' eur' }), JSON.stringify({ ...order, order_id: ' ' })], 'orders')
    t.match(rows, [{ order_id: 'o', customer_id: null, currency: 'EUR', unit_price: '1.01', amount: '1.01', event_id: /^[0-9a-f]{32}$/ }])
    t.match(framer.misfits, [{ reason: 'EVENT_ID_MEANINGLESS', error: /^order_id: order_id is required and tells nothing/ }])
    const { rows: [payment] } = await direct([event('payment_captured', { payment_id: 'p', order_id: 'o', amount: '7.005', card_fingerprint: 'undefined' })])
    t.match(payment, { amount: '7.01', currency: null, card_fingerprint: null })
  })
})
