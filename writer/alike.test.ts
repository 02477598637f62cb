// One truth for both parsers: whatever bytes the gateway's reader accepts become a row with the values that it read.
// The oracle is JavaScript's own JSON.parse and plain text arithmetic, not the code under test.

import t from 'tap'
import fc from 'fast-check'
import { mkdirSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { contractColumns, eventTypes, baseFields, readEvents } from '../openapi/index.ts'
import { openLog, type LogRecord } from '../log/index.ts'
import { openEngine } from './engine.ts'
import { Framer } from './framer.ts'
import { dropBatch, parseBatch } from './pipeline.ts'

const now = Date.UTC(2026, 5, 15, 12)
const options = { receivedAtMs: now, futureMinutesMax: 60, ageDaysMax: 7, eventBytesMax: 65_536, eventsMax: 10_000 }

const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), fc.constantFrom('', 'null', '1e5', ' padded ', '"', '\\', '\u007f', '\u2028', 'a\tb\nc\r', '{"x":1}', '\x1f')).map(value => JSON.stringify(value))
const digits = fc.bigInt({ min: 0n, max: 10n ** 17n })
const money = fc.tuple(fc.constantFrom('', '-'), digits, fc.constantFrom('', '.0', '.5', '.05', '.99', '.10', '.123', 'e2', 'E-1'), fc.boolean()).map(([sign, whole, rest, quoted]) => quoted ? `"${sign}${whole}${rest}"` : `${sign}${whole}${rest}`)
const time = fc.tuple(fc.date({ min: new Date(now - 8 * 86_400_000), max: new Date(now + 7_200_000), noInvalidDate: true }), fc.constantFrom('', '.1', '.123456', '.999999999', '.0000001'), fc.constantFrom('Z', 'z', '+02:00', '-05:30', '+00:00', '')).map(([date, fraction, zone]) => JSON.stringify(date.toISOString().slice(0, 19) + fraction + zone))
const number = fc.oneof(fc.integer().map(String), fc.double({ noDefaultInfinity: true, noNaN: true }).map(String), fc.constantFrom('1e999', '-0', '0.1', '12345678901234567890', '9007199254740993', '1E2', '3.0'))
const anything = fc.oneof(text, number, money, fc.json(), fc.constantFrom('null', 'true', '[]', '{}', '{"a":{"a":1}}', '[1,[2]]'))
const group = fc.oneof(text, fc.constant('{}'), fc.dictionary(fc.constantFrom('country', 'region', 'city', 'type', 'os', 'latitude', 'x'), fc.oneof(text, number), { maxKeys: 4 }).map(object => `{${Object.entries(object).map(([key, value]) => `"${key}": ${value}`).join(',')}}`))
const typed: Record<string, fc.Arbitrary<string>> = { timestamp: time, location: group, device: group, quantity: number, unit_price: money, amount: money, properties: fc.json() }
const space = fc.constantFrom('', ' ', '\n', '\r\n', '\t ')

const event = fc.tuple(fc.constantFrom(...eventTypes, { name: 'own_type', fields: [] as readonly string[], required: [] as readonly string[] }), fc.nat(), space).chain(([type, id, gap]) => {
  const names = fc.subarray([...new Set([...baseFields.slice(3), ...type.fields, 'amount', 'loyalty', 'order_id'])], { maxLength: 7 })
  return names.chain(names => fc.tuple(...[...new Set([...type.required, ...names])].map(name => fc.tuple(fc.constant(name), name === 'x' ? anything : fc.oneof({ weight: 40, arbitrary: typed[name] ?? text }, { weight: 1, arbitrary: fc.constant('null') }, { weight: 1, arbitrary: anything })))))
    .chain(members => time.map(at => [['event_id', `"id-${id}"`], ['timestamp', at], ...members, ['event_type', JSON.stringify(type.name)]] as [string, string][]))
    .map(members => `{${gap}${members.map(([name, value]) => `${JSON.stringify(name)}${gap}:${gap}${value}`).join(`,${gap}`)}${gap}}`)
})

t.test('gateway and writer read the same bytes alike', async t => {
  const dir = t.testdir({})
  const engine = await openEngine({ memoryBytesMax: 256 * 1024 ** 2, stagingDir: dir, writers: 1 })
  t.teardown(() => { engine.close() })
  let run = 0
  let accepted = 0
  await fc.assert(fc.asyncProperty(fc.array(event, { minLength: 40, maxLength: 60 }), async texts => {
    const values = texts.flatMap(sent => {
      try {
        return readEvents(Buffer.from(sent), 'json', options).events.flatMap(checked => checked.ok ? [{ sent, checked }] : [])
      } catch {
        return []
      }
    })
    if (values.length === 0) return
    accepted += values.length
    const staging = `${dir}/${run++}`
    mkdirSync(staging)
    const log = await openLog(pathToFileURL(`${staging}/log`).href, { partitions: 1 })
    await log.ensureTopic('t')
    await log.append(values.map(({ checked }): LogRecord => ({ topic: 't', key: checked.key, value: checked.value, headers: { received_at: String(now * 1000), ...checked.hasExtra ? { extra: '1' } : {} }, timestampMs: now })))
    const reader = await log.open({ topics: ['t'], startAt: () => 0n })
    const framer = new Framer(`run${run}`, { dir: staging, eventBytesMax: 65_536, futureMinutesMax: 60, ageDaysMax: 7, mappings: {} })
    while (framer.records < values.length) {
      const read = await reader.poll(1000, 1e7)
      if (read?.kind === 'batch') framer.add(read.batch, read.batch.firstOffset)
    }
    await reader.close()
    await log.close()
    const batch = await parseBatch(engine, framer, framer.seal())
    const rows = (await engine.main.runAndReadAll(`SELECT *, epoch_us(event_time) AS us FROM ${batch.table} ORDER BY log_offset`)).getRowObjectsJson() as Record<string, unknown>[]
    await dropBatch(engine.main, batch)
    framer.discard()
    if (framer.misfits.length > 0) throw new Error(`a misfit: ${framer.misfits[0]!.error} ${framer.misfits[0]!.payload.toString()}`)
    values.forEach(({ sent }, i) => { compare(sent, rows[i]!) })
  }), { numRuns: 60, interruptAfterTimeLimit: 20_000 })
  t.ok(accepted > 100, `${accepted} events were accepted and compared`)
})

function compare (sent: string, row: Record<string, unknown>): void {
  const fields = JSON.parse(sent) as Record<string, unknown>
  const expect = (name: string, found: unknown, wanted: unknown): void => {
    if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error(`${name} is ${JSON.stringify(found)}, sent was ${JSON.stringify(wanted)} in ${sent}`)
  }
  expect('reason', row._reason, null)
  const type = eventTypes.find(({ name }) => name === fields.event_type)
  const declared = new Set<string>([...baseFields, ...type?.fields ?? []])
  expect('event_time', row.us, microsOf(fields.timestamp as string))
  for (const { name, wire, type: column } of contractColumns) {
    const value = declared.has(wire) ? fields[wire] ?? null : null
    if (column === 'string' && name !== 'properties' && !(wire === 'currency' && value === null)) expect(wire, row[name], value)
    if (column === 'long') expect(wire, row[name], value === null ? null : String(value))
    if (column === 'decimal(18, 2)' && value !== null) expect(wire, row[name], moneyOf(sent, wire))
    if (typeof column !== 'string' && typeof value === 'string') expect(wire, Object.values(row[name] as object).filter(member => member !== null), [value])
    if (typeof column !== 'string' && value !== null && typeof value === 'object') for (const member of column.fields) expect(`${wire}.${member.wire}`, (row[name] as Record<string, unknown> | null)?.[member.name] ?? null, (value as Record<string, unknown>)[member.wire] ?? null)
  }
  const extra = Object.keys(fields).filter(name => !declared.has(name) || hasUndeclaredMembers(name, fields[name]))
  const properties = row.properties === null ? null : JSON.parse(row.properties as string) as Record<string, unknown>
  expect('$extra', Object.keys(properties?.['$extra'] ?? {}).sort(), extra.sort())
  if (extra.length === 0) expect('properties', properties, fields.properties ?? null)
}

/** A group keeps what it does not declare under its own name in `$extra`. */
function hasUndeclaredMembers (wire: string, value: unknown): boolean {
  const type = contractColumns.find(column => column.wire === wire)?.type
  if (type === undefined || typeof type === 'string' || typeof value !== 'object' || value === null) return false
  return Object.keys(value).some(member => !type.fields.some(field => field.wire === member))
}

function microsOf (text: string): string {
  const [, seconds, fraction = '', zone] = /^(.{19})(?:\.(\d+))?(.*)$/.exec(text)!
  return String(BigInt(Date.parse(`${seconds}${zone!.toUpperCase()}`)) * 1000n + BigInt(fraction.slice(0, 6).padEnd(6, '0')))
}

/** From the text, digit by digit. */
function moneyOf (sent: string, wire: string): string {
  const [, sign, whole, fraction = ''] = new RegExp(`"${wire}"\\s*:\\s*"?(-?)(\\d+)(?:\\.(\\d+))?`).exec(sent)!
  const text = `${BigInt(whole!)}.${fraction.padEnd(2, '0')}`
  return sign === '-' && !/^0\.00$/.test(text) ? `-${text}` : text
}
