// Keeps away: a 202 for a value that the writer's engine then reads differently. DuckDB is the second reader: whatever
// the contract accepts must have the same values there, read with the exported structure and explicit casts.
import t from 'tap'
import fc from 'fast-check'
import { DuckDBInstance } from '@duckdb/node-api'
import { checkEvent, jsonStructure } from './index.ts'

const options = { receivedAtMs: Date.UTC(2025, 2, 14), futureMinutesMax: 60 * 24 * 366 * 9000, ageDaysMax: null, eventBytesMax: 65_536 }

/** Text that stands in the event as it is. */
const pieces = ['\\u0000', '\\u0001', '\\ud83d\\ude00', '\\ud83d', '\\n', '\\"', '\\\\', '\\/', '\u2028', '\ufeff', '\uffff', '\u007f', 'é', '😀', 'a']
const text = fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 5 }).map(parts => `"${parts.join('')}"`)
const number = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }).map(String), fc.constantFrom('1e2', '-0', '-0.0', '0.1234567890123456789', '9007199254740991', '9007199254740992', '9007199254740991.4', '1.7976931348623157e308', '1e309', '5e-324', '1e-400', '1E+2', '123456789012345.6789', '1e16'))
const count = fc.oneof(fc.maxSafeInteger().map(String), fc.constantFrom('1e2', '-0', '2.00', '9007199254740991.4', '1e-400', '10e-1', '9.007199254740991e15', '1e21'))
const money = fc.oneof(
  fc.tuple(fc.bigInt({ min: -(10n ** 16n), max: 10n ** 16n }), fc.integer({ min: 10, max: 99 })).map(([whole, cents]) => `${whole}.${cents}`),
  fc.constantFrom('0', '-0.00', '1.1', '"1.5"', '"-9999999999999999.99"', '9999999999999999', '999999999999999', '9999999999999.99')
)
const time = fc.constantFrom('2025-03-14T09:26:53Z', '2025-03-14T09:26:53.123456789+05:30', '0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999999999Z', '2024-02-29T23:59:59.5-23:59', '1969-12-31T23:59:59.999999Z')
const sent = fc.record({ id: text, time, user: text, count, money, latitude: number, key: text, value: fc.oneof(number, text, fc.json({ maxDepth: 2 })) })
  .map(({ id, time, user, count, money, latitude, key, value }) => `{"event_id":${id},"event_type":"order_created","order_id":"o","timestamp":"${time}","user_id":${user},"quantity":${count},"amount":${money},"location":{"latitude":${latitude}},"properties":{${key}:${value}}}`)

const query = `
  SELECT value, '|' || e.event_id, '|' || e.user_id, e.quantity::BIGINT::VARCHAR, e.amount::DECIMAL(18, 2)::VARCHAR,
    (e.location->>'$.latitude')::DOUBLE::VARCHAR, e.properties::VARCHAR, epoch_us(e."timestamp"::TIMESTAMPTZ)::VARCHAR
  FROM (SELECT value, from_json(value, '${jsonStructure}') AS e FROM sent)`

t.test('what the contract accepts has the same values in DuckDB', async t => {
  const values = fc.sample(sent, { numRuns: 3000, seed: Date.now() })
    .map(event => checkEvent(Buffer.from(event), options))
    .flatMap(event => event.ok ? [Buffer.from(event.value).toString()] : [])
  t.ok(values.length > 300, 'enough events are accepted for the test to mean something')

  const connection = await (await DuckDBInstance.create()).connect()
  await connection.run("SET TimeZone = 'UTC'")
  await connection.run('CREATE TABLE sent (value VARCHAR)')
  const appender = await connection.createAppender('sent')
  for (const value of values) {
    appender.appendVarchar(value)
    appender.endRow()
  }
  appender.closeSync()
  const rows = (await connection.runAndReadAll(query)).getRowsJson() as string[][]
  t.equal(rows.length, values.length)
  for (const [value, id, user, count, money, latitude, properties, micros] of rows as [string, string, string, string, string, string, string, string][]) {
    const event = JSON.parse(value) as { event_id: string, user_id: string, quantity: number, location: { latitude: number }, properties: object, timestamp: string }
    const amount = /"amount":"?(-?[0-9.]+)/.exec(value)![1]!
    const same = id === `|${event.event_id}` && user === `|${event.user_id}` && Number(count) === event.quantity && hundredths(money) === hundredths(amount) &&
      Number(latitude) === event.location.latitude && JSON.stringify(JSON.parse(properties)) === JSON.stringify(event.properties) &&
      milliseconds(BigInt(micros)) === Date.parse(event.timestamp.replace(/(\.\d{3})\d+/, '$1'))
    if (!same) t.fail('DuckDB reads another value', { value, id, user, count, money, latitude, properties, micros })
  }
  connection.closeSync()
})

function hundredths (text: string): bigint {
  const [whole, decimals = ''] = text.split('.')
  return BigInt(`${whole}${decimals.padEnd(2, '0')}`)
}

/** Beyond 2^53 microseconds only integers are exact. */
function milliseconds (micros: bigint): number {
  return Number((micros < 0n ? micros - 999n : micros) / 1000n)
}
