// One truth for both parsers: whatever bytes the gateway's reader accepts become a row with the values that it read, by
// however many names a member is spelled, and of whichever of two contracts gateway and writer are.
// The oracle is JavaScript's own JSON.parse and plain text arithmetic, not the code under test.

import t from 'tap'
import fc from 'fast-check'
import { contract, type CheckedEvent, type Contract, type Kind } from '../openapi/index.ts'
import { openEngine } from './engine.ts'
import { grownContract } from './grown-contract.fixture.ts'
import { landThrough, sides, type Side } from './two-contracts.fixture.ts'

const now = Date.UTC(2026, 5, 15, 12)
const options = { receivedAtMs: now, futureMinutesMax: 60, ageDaysMax: 7, eventBytesMax: 65_536, eventsMax: 10_000 }
const nothings = ['', ' ', '\u00a0\u200b', 'null', 'undefined', 'NaN', ' None', 'nil', 'N/A', 'Guest', '[object Object]', '00000000-0000-0000-0000-000000000000', '{00000000-0000-0000-0000-000000000000}', '00000000000000000000000000000000 ']
const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom(...nothings, '0', 'guest-7', '00000000-0000-0000-0000-000000000001', 'nullify'), fc.string({ unit: 'binary' }), fc.constantFrom('', 'null', '1e5', ' padded ', '"', '\\', '\u007f', '\u2028', 'a\tb\nc\r', '{"x":1}', '\x1f')).map(value => JSON.stringify(value))
const digits = fc.bigInt({ min: 0n, max: 10n ** 17n })
const money = fc.tuple(fc.constantFrom('', '-'), digits, fc.constantFrom('', '.0', '.5', '.05', '.99', '.10', '.123', 'e2', 'E-1'), fc.boolean()).map(([sign, whole, rest, quoted]) => quoted ? `"${sign}${whole}${rest}"` : `${sign}${whole}${rest}`)
const time = fc.tuple(fc.date({ min: new Date(now - 8 * 86_400_000), max: new Date(now + 7_200_000), noInvalidDate: true }), fc.constantFrom('T', 't'), fc.constantFrom('', '.1', '.123456', '.999999999', '.0000001'), fc.constantFrom('Z', 'z', '+02:00', '-05:30', '+00:00', '')).map(([date, t, fraction, zone]) => JSON.stringify(date.toISOString().slice(0, 19).replace('T', t) + fraction + zone))
const number = fc.oneof(fc.integer().map(String), fc.double({ noDefaultInfinity: true, noNaN: true }).map(String), fc.constantFrom('1e999', '-0', '0.1', '1.005', '1e3', '12345678901234567890', '9007199254740993', '1E2', '3.0', '"5"'))
const anything = fc.oneof(text, number, money, time, fc.json(), fc.constantFrom('null', 'true', '"true"', '[]', '{}', '{"a":{"a":1}}', '[1,[2]]', '"gold"', '"PLATINUM"'))
const space = fc.constantFrom('', ' ', '\n', '\r\n', '\t ')

/** A name as a JSON string, each of its units plain or as an escape in either case of hexadecimal digits. */
const spelling = (name: string): fc.Arbitrary<string> => fc.oneof(
  { weight: 2, arbitrary: fc.constant(JSON.stringify(name)) },
  { weight: 1, arbitrary: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: name.length, maxLength: name.length }).map(how => `"${name.split('').map((unit, i) => spellUnit(unit, how[i]!)).join('')}"`) }
)

function spellUnit (unit: string, how: number): string {
  const code = unit.charCodeAt(0)
  const hex = code.toString(16).padStart(4, '0')
  // Half of a pair stands alone only beside its other half: both are escaped.
  if (how === 1 || (code >= 0xd800 && code <= 0xdfff)) return `\\u${hex}`
  if (how === 2) return `\\u${hex.toUpperCase()}`
  return JSON.stringify(unit).slice(1, -1)
}

const object = (names: string[], value: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.subarray(names, { maxLength: 4 })
  .chain(some => fc.tuple(...some.map(name => fc.tuple(spelling(name), value))))
  .map(members => `{${members.map(([name, value]) => `${name}: ${value}`).join(',')}}`)
const group = fc.oneof(text, fc.constant('{}'), object(['country', 'region', 'city', 'type', 'os', 'latitude', 'x'], fc.oneof(text, number)))
const currency = fc.tuple(fc.constantFrom('EUR', 'usd', 'Jpy', 'XYZ', 'euro', '', 'ı sd', 'EU'), fc.constantFrom('', ' ', '\t', '\u00a0', '\u2003\n')).map(([code, blank]) => JSON.stringify(`${blank}${code}${blank}`))
const shop = fc.oneof(text, fc.constant('"Main"'), object(['name', 'floor', 'open', 'x'], fc.oneof(text, number, fc.boolean().map(String))))
const properties = fc.oneof(fc.json(), object(['a', 'event_id', 'location', '$extra', '😀'], anything))

/** What fits the field, mostly. */
const typed: Record<string, fc.Arbitrary<string>> = {
  timestamp: time, sent_at: time, currency, location: group, device: group, quantity: number, unit_price: money, amount: money, properties,
  loyalty: number, points: number, fee: money, tip: money, tier: fc.constantFrom('"GOLD"', '"SILVER"', '"gold"'), nick: text, code: fc.constantFrom('"AB12"', '"x"'), seen: time, gift: fc.boolean().map(String),
  weight: number, shop, meta: properties, rating: fc.constantFrom('5', '"five"', '4.5')
}
const added = Object.keys(grownContract.fields).filter(wire => !(wire in contract.fields))
const typeNames = [...grownContract.eventTypes, { name: 'own_type', fields: [] as readonly string[], required: [] as readonly string[] }]

interface Sent { readonly text: string, readonly members: readonly (readonly [name: string, label: string, value: string])[] }

const event: fc.Arbitrary<Sent> = fc.tuple(fc.constantFrom(...typeNames), fc.nat(), space).chain(([type, id, gap]) =>
  fc.subarray([...new Set([...contract.baseFields.slice(3), ...type.fields, ...added, 'amount', 'karma', '😀', 'a/b', 'received_at'])], { maxLength: 8 })
    .chain(names => {
      const others = [...new Set([...type.required, ...names])].map(name => valueOf(name).map(value => [name, value] as const))
      return fc.tuple(time, ...others)
    })
    .chain(([at, ...others]) => {
      const all = [['event_id', `"id-${id}"`], ['timestamp', at], ...others, ['event_type', JSON.stringify(type.name)]] as [string, string][]
      return fc.tuple(...all.map(([name, value]) => spelling(name).map(label => [name, label, value] as const)))
    })
    .map(members => ({ members, text: `{${gap}${members.map(([, label, value]) => `${label}${gap}:${gap}${value}`).join(`,${gap}`)}${gap}}` })))

function valueOf (name: string): fc.Arbitrary<string> {
  // A reserved name refuses the event: it is here to be seen refused, now and then.
  if (name === 'received_at') return fc.constant('1')
  const weight = added.includes(name) ? 8 : 1
  return fc.oneof({ weight: 40, arbitrary: typed[name] ?? text }, { weight: 1, arbitrary: fc.constant('null') }, { weight, arbitrary: anything })
}

const side = fc.constantFrom('shipped' as const, 'grown' as const)

t.test('gateway and writer read the same bytes alike, whichever contract each of them has', async t => {
  const dir = t.testdir({})
  const engine = await openEngine({ memoryBytesMax: 256 * 1024 ** 2, stagingDir: dir, writers: 1 })
  t.teardown(() => { engine.close() })
  let run = 0
  const counts = { accepted: 0, escaped: 0, aside: 0 }
  await fc.assert(fc.asyncProperty(side, side, fc.array(event, { minLength: 40, maxLength: 60 }), async (ofGateway, ofWriter, events) => {
    const [gateway, writer] = [sides[ofGateway], sides[ofWriter]]
    const taken = events.flatMap(sent => {
      const checked = check(gateway, sent.text)
      return checked?.ok === true ? [{ sent, checked }] : []
    })
    if (taken.length === 0) return
    counts.accepted += taken.length
    counts.escaped += taken.filter(({ sent }) => sent.members.some(([name, label]) => JSON.stringify(name) !== label)).length
    const { rows, aside } = await landThrough(engine, { dir: `${dir}/${run}`, name: `run${run++}`, gateway, writer, nowMs: now }, taken.map(({ checked }) => checked))
    counts.aside += [...aside.values()].reduce((sum, count) => sum + count, 0)
    taken.forEach(({ sent }, i) => { compare(gateway, writer, sent, rows[i]!) })
  }), { numRuns: 25 })
  t.ok(counts.accepted > 100 && counts.escaped > 50 && counts.aside > 5, JSON.stringify(counts))
})

function check ({ reader }: Side, text: string): CheckedEvent | undefined {
  try {
    return reader.readEvents(Buffer.from(text), 'json', options).events[0]
  } catch {
    return undefined
  }
}

/** What the gateway puts into quotes on the way: money with more digits than a reader of numbers keeps. A writer that does not know the field keeps that. */
function isQuotedBy ({ of }: Side, fields: Record<string, Json>, name: string): boolean {
  const value = fields[name]
  const declared = [...of.baseFields, ...of.eventTypes.find(type => type.name === fields.event_type)?.fields ?? []]
  if (!declared.includes(name) || !(value instanceof Num)) return false
  const { kind } = of.fields[name]!
  return kind.is === 'money' && fits(kind, value) && value.text.replaceAll(/\D/g, '').length > 15
}

function compare (gateway: Side, { of, columns }: Side, sent: Sent, row: Record<string, unknown>): void {
  const fields = parse(sent.text) as Record<string, Json>
  const expect = (name: string, found: unknown, wanted: unknown): void => {
    if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error(`${name} is ${JSON.stringify(found)}, wanted is ${JSON.stringify(wanted)}; sent was ${sent.text}`)
  }
  expect('reason', row._reason, null)
  const type = of.eventTypes.find(({ name }) => name === fields.event_type)
  const declared = new Set<string>([...of.baseFields, ...type?.fields ?? []])
  /** In its column; everything else is in `$extra`. */
  const isTyped = (wire: string): boolean => declared.has(wire) && (fields[wire] === null || fits(of.fields[wire]!.kind, fields[wire]!) && !isNothing(of.fields[wire]!.kind, fields[wire]!) && (of.fields[wire]!.iceberg !== 'int' || isInt32(fields[wire]!)))
  for (const { name, wire, type: column } of columns) {
    const value = isTyped(wire) ? fields[wire] ?? null : null
    const { kind } = of.fields[wire]!
    const sentNothing = fields[wire] === undefined || fields[wire] === null
    if (wire === 'properties' || (sentNothing && type?.defaults.some(({ field }) => field === wire) === true)) continue
    if (value === null) expect(wire, row[name], null)
    else if (kind.is === 'object') expect(wire, plain(parse(row[name] as string)), plain(value))
    else if (kind.is === 'struct') expectGroup(expect, wire, kind, row[name] as Record<string, unknown> | null, value)
    else if (column === 'int') expect(wire, row[name], Number(printed(kind, value)))
    else if (typeof column === 'string') expect(wire, row[name], printed(kind, value))
  }
  const extra = Object.keys(fields).filter(name => !isTyped(name) || hasUndeclaredMembers(of, name, fields[name]!))
  const stored = row.properties === null ? null : parse(row.properties as string) as Record<string, Json>
  expect('$extra', Object.keys(stored?.['$extra'] ?? {}).sort(), extra.sort())
  for (const [name, label, value] of sent.members) {
    const text = value.replaceAll(/[\r\n]/g, ' ')
    const asSent = `${label}:${isQuotedBy(gateway, fields, name) ? `"${text}"` : text}`
    if (!isTyped(name) && !(row.properties as string).includes(asSent)) throw new Error(`${asSent} is not among ${String(row.properties)}`)
  }
  if (extra.length === 0) expect('properties', plain(stored), plain(fields.properties ?? null))
}

function expectGroup (expect: (name: string, found: unknown, wanted: unknown) => void, wire: string, kind: Extract<Kind, { is: 'struct' }>, found: Record<string, unknown> | null, value: Json): void {
  for (const [child, field] of Object.entries(kind.children)) {
    const member = typeof value === 'string' ? child === kind.textBecomes ? value : undefined : (value as Record<string, Json>)[child]
    expect(`${wire}.${child}`, found?.[child] ?? null, member === undefined || member === null ? null : printed(field.kind, member))
  }
}

type Json = null | boolean | string | Num | Json[] | { [name: string]: Json }

/** A number by its text. */
class Num {
  readonly text: string
  constructor (text: string) { this.text = text }
}

function parse (text: string): Json {
  const read = JSON.parse as unknown as (text: string, revive: (name: string, value: unknown, context: { source: string }) => unknown) => Json
  return read(text, (_, value, { source }) => typeof value === 'number' ? new Num(source) : value)
}

/** With numbers as numbers, whose spelling JSON columns do not keep. */
function plain (value: Json): unknown {
  if (value instanceof Num) return Number(value.text)
  if (Array.isArray(value)) return value.map(plain)
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)])) : value
}

function fits (kind: Kind, value: Json): boolean {
  switch (kind.is) {
    case 'text': return typeof value === 'string' && [...value].length <= (kind.charsMax ?? Infinity) && (kind.oneOf?.includes(value) ?? true) && (kind.pattern === null || new RegExp(kind.pattern, 'u').test(value))
    case 'integer': return value instanceof Num && Number.isSafeInteger(Number(value.text))
    case 'double': return value instanceof Num
    case 'boolean': return typeof value === 'boolean'
    case 'money': return /^-?(0|[1-9]\d{0,15})(\.\d{1,2})?$/.test(value instanceof Num ? value.text : typeof value === 'string' ? value : '')
    case 'time': return typeof value === 'string' && /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/.test(value)
    case 'object': return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Num)
    case 'struct': return typeof value === 'string' || (fits({ is: 'object', reserved: [] }, value) && Object.entries(kind.children).every(([child, { kind }]) => {
      const member = (value as Record<string, Json>)[child]
      return member === undefined || member === null || fits(kind, member)
    }))
  }
}

/** The list anew, not by the code under test. */
function isNothing (kind: Kind, value: Json): boolean {
  if (kind.is !== 'text' || typeof value !== 'string') return false
  if (kind.sense === 'currency') return !['EUR', 'USD', 'JPY'].includes(value.trim().toUpperCase()) || /ı/.test(value)
  return kind.sense === 'identity' && nothings.some(nothing => bare(nothing) === bare(value))
}

function bare (text: string): string {
  return text.toLowerCase().replaceAll(/^[\s\u200b\u0085]+|[\s\u200b\u0085]+$/g, '').replaceAll(/^\{(0.*)\}$/g, '$1').replaceAll(/^0{8}-0{4}-0{4}-0{4}-0{12}$/g, '0'.repeat(32))
}

function isInt32 (value: Json): boolean {
  return value === null || (value instanceof Num && Math.abs(Number(value.text) + 0.5) < 2 ** 31)
}

/** As the row's JSON shows it. */
function printed (kind: Kind, value: Json): unknown {
  switch (kind.is) {
    case 'integer': return String(BigInt(Number((value as Num).text)))
    case 'double': return Number((value as Num).text)
    case 'text': return kind.sense === 'currency' ? (value as string).trim().toUpperCase() : value
    case 'money': return moneyOf(value instanceof Num ? value.text : value as string)
    case 'time': return microsOf(value as string)
    default: return value
  }
}

/** A group keeps what it does not declare under its own name in `$extra`. */
function hasUndeclaredMembers (of: Contract, wire: string, value: Json): boolean {
  const kind = of.fields[wire]?.kind
  return kind?.is === 'struct' && typeof value === 'object' && value !== null && Object.keys(value).some(member => !(member in kind.children))
}

function microsOf (text: string): string {
  const [, seconds, fraction = '', zone] = /^(.{19})(?:\.(\d+))?(.*)$/.exec(text.toUpperCase())!
  return String(BigInt(Date.parse(`${seconds}${zone!}`)) * 1000n + BigInt(fraction.slice(0, 6).padEnd(6, '0')))
}

/** From the text, digit by digit. */
function moneyOf (text: string): string {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text)!
  const money = `${BigInt(whole!)}.${fraction.padEnd(2, '0')}`
  return sign === '-' && !/^0\.00$/.test(money) ? `-${money}` : money
}
