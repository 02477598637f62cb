// A value of the wrong type in a field that was added after the first version stays in `properties.$extra`, bytes as sent,
// and is counted: whichever of gateway and writer is of the older release, and for producers that write to the log themselves.
import t from 'tap'
import { openEngine } from './engine.ts'
import { landRecords, landThrough, sides, type Side } from './two-contracts.fixture.ts'

const nowMs = Date.UTC(2026, 5, 15, 12)
const options = { receivedAtMs: nowMs, futureMinutesMax: 60, ageDaysMax: 7, eventBytesMax: 65_536 }
const eventWith = (member: string, n: number, type = 'page_view'): string => `{"event_id":"e${n}","event_type":"${type}","timestamp":"2026-06-15T11:00:00Z",${member}}`

/** field → values of another kind, as sent */
const wrong: Record<string, string[]> = {
  loyalty: ['"gold"', '"7"', '1.5', '1e-1', '1e300', 'true', '[]', '[7]', '{"a":1.10}'],
  points: ['2147483648', '-2147483649', '1e10', '0.5', '"5"'],
  fee: ['"abc"', '1.005', '"1.005"', '1e2', '"1e2"', '12345678901234567.5', '" 1"', 'false', '{"amount":1}'],
  tip: ['"much"', '0.123', '[1.00]'],
  tier: ['"PLATINUM"', '"gold"', '""', '5', '["GOLD"]'],
  nick: ['"far too long"', '9', '9.50', 'true', '{"x":"y"}'],
  code: ['"ab12"', '"AB123"', '""', '12'],
  seen: ['"yesterday"', '"2026-06-15"', '"2026-06-15T24:00:00Z"', '"2026-06-15T11:00:60Z"', '"2026-02-29T11:00:00Z"', '"2026-06-15T11:00:00"', '12', '"infinity"'],
  gift: ['"true"', '1', '0', '"yes"', '[true]'],
  weight: ['"5"', '"5 kg"', 'true', '[5]'],
  shop: ['5', '["Main"]', 'true', '{"floor":"2nd","name":"N"}', '{"open":"true"}', '{"name":5}', '{"floor":1.5}'],
  meta: ['"x"', '[]', '[{"a":1}]', '5', 'false']
}
/** field → values as sent, and what the column holds */
const right: Record<string, [string, unknown][]> = {
  loyalty: [['5', '5'], ['-0', '0'], ['1e3', '1000'], ['9007199254740991', '9007199254740991']],
  points: [['2147483647', 2147483647], ['-2147483648', -2147483648], ['1e2', 100]],
  fee: [['1.5', '1.50'], ['"0.07"', '0.07'], ['1234567890123456.78', '1234567890123456.78'], ['"-9999999999999999.99"', '-9999999999999999.99']],
  tier: [['"GOLD"', 'GOLD'], ['"G\\u004fLD"', 'GOLD']],
  nick: [['"ab"', 'ab'], ['"\\ud83d\\ude00éé"', '😀éé']],
  code: [['"AB12"', 'AB12']],
  seen: [['"2026-06-15t11:00:00.123456789z"', String(Date.UTC(2026, 5, 15, 11) * 1000 + 123456)], ['"2024-02-29T23:59:59-02:00"', String(Date.UTC(2024, 2, 1, 1, 59, 59) * 1000)]],
  gift: [['true', true], ['false', false]],
  weight: [['5', 5], ['1e-3', 0.001]],
  shop: [['"Main"', { name: 'Main', floor: null, open: null }], ['"null"', { name: 'null', floor: null, open: null }], ['{"fl\\u006for":2,"open":true}', { name: null, floor: '2', open: true }], ['{}', null]],
  meta: [['{"a":[1,null]}', '{"a":[1,null]}']]
}
const every = Object.entries(wrong).flatMap(([field, values]) => values.map(value => [field, value] as const))

t.test('later fields', async t => {
  const dir = t.testdir({})
  const engine = await openEngine({ memoryBytesMax: 256 * 1024 ** 2, stagingDir: dir, writers: 1 })
  t.teardown(() => { engine.close() })
  let run = 0
  const land = async (gateway: Side, writer: Side, texts: readonly string[]) => {
    const checked = texts.map(text => gateway.reader.checkEvent(Buffer.from(text), options))
    const events = checked.flatMap(event => event.ok ? [event] : [])
    for (const event of checked) if (!event.ok) t.fail(event.message)
    const name = `run${run++}`
    return { events, ...await landThrough(engine, { dir: `${dir}/${name}`, name, gateway, writer, nowMs }, events) }
  }

  for (const [gateway, writer] of [['grown', 'grown'], ['shipped', 'grown'], ['grown', 'shipped'], ['shipped', 'shipped']] as const) {
    t.test(`what does not fit is kept as it was sent: gateway ${gateway}, writer ${writer}`, async t => {
      const { rows, events, aside } = await land(sides[gateway], sides[writer], every.map(([field, value], n) => eventWith(`"${field}":${value}`, n)))
      every.forEach(([field, value], i) => {
        t.strictSame([rows[i]!._reason, rows[i]![field] ?? null, rows[i]!.properties], [null, null, `{"$extra":{"${field}":${value}}}`], `${field}: ${value}`)
        if (gateway === 'grown') t.strictSame(events[i]!.aside, [field], 'the gateway counts it')
      })
      const counts = writer === 'grown' ? Object.fromEntries(Object.entries(wrong).map(([field, values]) => [field, values.length])) : {}
      t.strictSame(Object.fromEntries(aside), counts, 'the writer counts it')
    })
  }

  t.test('what fits is in its column, and nothing of it in $extra', async t => {
    const cases = Object.entries(right).flatMap(([field, values]) => values.map(([sent, column]) => [field, sent, column] as const))
    for (const gateway of ['grown', 'shipped'] as const) {
      const { rows, aside } = await land(sides[gateway], sides.grown, cases.map(([field, sent], n) => eventWith(`"${field}":${sent}`, n)))
      cases.forEach(([field, sent, column], i) => { t.strictSame([rows[i]!._reason, rows[i]![field], rows[i]!.properties], [null, column, null], `${field}: ${sent}, gateway ${gateway}`) })
      t.equal(aside.size, 0)
    }
  })

  t.test('null is absent, and no default stands in for a value that does not fit', async t => {
    const order = '"order_id":"o","quantity":3,"unit_price":1.5'
    const { rows } = await land(sides.grown, sides.grown, [
      eventWith('"loyalty":null', 1), eventWith(`${order},"tip":"much"`, 2, 'order_created'), eventWith(order, 3, 'order_created'),
      eventWith(`${order},"tip":null`, 4, 'order_created'), eventWith(`${order},"t\\u0069p":0.5`, 5, 'order_created')
    ])
    t.match(rows, [
      { loyalty: null, properties: null }, { tip: null, amount: '4.50', properties: '{"$extra":{"tip":"much"}}' }, { tip: '4.50', properties: null },
      { tip: '4.50', properties: null }, { tip: '0.50', properties: null }
    ])
  })

  t.test('a type that a later release requires more of refuses no row that an older gateway accepted', async t => {
    const texts = [eventWith('"title":"x"', 1, 'review_posted'), eventWith('"rating":"five"', 2, 'review_posted')]
    const { rows } = await land(sides.shipped, sides.grown, texts)
    t.match(rows, [{ _reason: null, rating: null }, { _reason: null, rating: null, properties: '{"$extra":{"rating":"five"}}' }])
    t.match(sides.grown.reader.checkEvent(Buffer.from(texts[0]!), options), { ok: false, code: 'EVENT_FIELD_MISSING' })
  })

  t.test('producers that write to the log themselves are judged alike, through a mapping too', async t => {
    const records = [
      { topic: 't', key: 'k', value: Buffer.from(eventWith('"loyalty":"gold","fee":1.5', 1)), headers: {}, timestampMs: nowMs },
      { topic: 't', key: 'k', value: Buffer.from('{"order_id":7,"order_status":"NEW","timestamp":"2026-06-15 11:00:00","fee":1.005,"shop":"Main"}'), headers: {}, timestampMs: nowMs }
    ]
    const { rows, framer } = await landRecords(engine, { dir: `${dir}/direct`, name: 'direct', writer: sides.grown, nowMs }, records, { t: 'orders' })
    t.match(rows, [
      { _reason: null, loyalty: null, fee: '1.50', properties: '{"$extra":{"loyalty":"gold"}}' },
      { _reason: null, order_id: '7', fee: null, shop: { name: 'Main' }, properties: '{"$extra":{"fee":1.005}}' }
    ])
    t.strictSame(Object.fromEntries(framer.keptAside), { loyalty: 1, fee: 1 })
  })
})
