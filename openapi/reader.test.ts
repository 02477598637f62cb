import t from 'tap'
import fc from 'fast-check'
import { Compile } from 'typebox/compile'
import { contract } from './contract.ts'
import { ContractError, contractErrors } from './errors.ts'
import { exampleEvent } from './examples.ts'
import { meansNothing } from './identities.ts'
import { double, integer, money, oneOf, struct, text } from './kinds.ts'
import { createReader } from './reader.ts'
import type { CheckedEvent, EventReader } from './reader.ts'
import { eventSchema } from './schemas.ts'

const receivedAtMs = Date.UTC(2025, 2, 14, 10)
const options = { receivedAtMs, futureMinutesMax: 60, ageDaysMax: 7, eventBytesMax: 65_536, eventsMax: 100 }
const timestamp = '2025-03-14T09:26:53.589Z'
const base = { event_id: 'e-1', event_type: 'page_view', timestamp }
const order = { ...base, event_type: 'order_created', order_id: 'o-1' }
const shipped = createReader(contract)
const { readEvents, checkEvent } = shipped
/** A later release's contract. */
const added = {
  loyalty: integer('', { since: 2 }), fee: money('', { since: 2 }), tier: oneOf('', ['GOLD'], { since: 2 }), weight: double('', { since: 3 }),
  shop: struct('', { name: text(''), floor: integer('') }, 'name', { since: 3 })
}
const grown = createReader({
  ...contract,
  fields: { ...contract.fields, ...added },
  eventTypes: contract.eventTypes.map(type => type.name === 'page_view' ? { ...type, fields: [...type.fields, ...Object.keys(added)] } : type)
})

function readOne (event: object | string, reader: EventReader = shipped): CheckedEvent {
  const body = Buffer.from(typeof event === 'string' ? event : JSON.stringify(event))
  const { single, events } = reader.readEvents(body, 'json', options)
  t.equal(single, true)
  t.same(reader.checkEvent(body, options), events[0], 'a record of its own is judged like a request')
  return events[0]!
}

/** The event as text, with one member's value replaced by raw text. */
function withRaw (event: object, member: string, raw: string): string {
  return JSON.stringify({ ...event, [member]: '@@' }).replace('"@@"', raw)
}

function refusesBody (body: string | Buffer, format: 'json' | 'ndjson', code: string, message?: RegExp): void {
  try {
    readEvents(Buffer.from(body), format, options)
    t.fail(`${body.toString().slice(0, 60)} was read`)
  } catch (error) {
    t.ok(error instanceof ContractError)
    t.match(error, { code, retryable: false, ...(message ? { message } : {}) })
  }
}

t.test('an example of every type is accepted, and its value is the bytes as sent', async t => {
  for (const type of contract.eventTypes) {
    const event = exampleEvent(contract, type, timestamp)
    const sent = JSON.stringify(event)
    const read = readOne(sent)
    t.match(read, { ok: true, eventId: event['event_id'], eventType: type.name, key: 'session-7f3a', hasExtra: false }, type.name)
    t.equal(read.ok && Buffer.from(read.value).toString(), sent)
    t.ok(Compile(eventSchema(contract, type)).Check(event))
  }
})

t.test('the key is the session, else the user, else the event', async t => {
  t.match(readOne({ ...base, session_id: 's', user_id: 'u' }), { key: 's' })
  t.match(readOne({ ...base, session_id: null, user_id: 'ü' }), { key: 'ü' })
  t.match(readOne({ ...base, session_id: '', user_id: 'a"b' }), { key: 'a"b' })
  t.match(readOne(base), { key: 'e-1' })
})

t.test('a required field that is missing or null is named', async t => {
  for (const [event, path] of [
    [{ ...base, event_id: undefined }, 'event_id'], [{ ...base, event_id: null }, 'event_id'], [{ ...base, event_type: undefined }, 'event_type'],
    [{ ...base, timestamp: null }, 'timestamp'], [{ ...order, order_id: undefined }, 'order_id'],
    [{ ...base, event_type: 'payment_failed', payment_id: 'p', order_id: 'o' }, 'amount']
  ] as const) t.match(readOne(event), { ok: false, code: 'EVENT_FIELD_MISSING', path })
})

t.test('a value of the wrong type is refused with its path and what it should be', async t => {
  const refused: [string, string, RegExp][] = [
    ['amount', '12.345', /^amount must be a decimal with at most 2 decimals .*, got 12\.345$/], ['amount', '"1e2"', /got "1e2"/], ['amount', '12345678901234567', /decimal/],
    ['amount', 'true', /decimal/], ['amount', '1e999', /decimal/], ['quantity', '1.5', /^quantity must be an integer, got 1\.5$/], ['quantity', '"2"', /integer/],
    ['user_id', '17', /^user_id must be a string, got 17$/], ['order_status', '"new"', /one of NEW, CANCELLED/], ['event_type', '"Page-View"', /matches/], ['event_type', '""', /matches/],
    ['event_id', '""', /1 to 128/], ['event_id', `"${'x'.repeat(129)}"`, /1 to 128/], ['event_id', '5', /string/], ['properties', '[]', /^properties must be a JSON object, got \[\]$/],
    ['properties', '"{}"', /object/], ['location', '[1]', /object or a string/], ['location', '{"latitude":"48"}', /^location\.latitude must be a number, got "48"$/],
    ['device', '{"os":1}', /^device\.os must be a string/], ['currency', '["USD"]', /string/]
  ]
  for (const [member, raw, message] of refused) t.match(readOne(withRaw(order, member, raw)), { ok: false, code: 'EVENT_FIELD_TYPE', message }, `${member}: ${raw}`)
  t.match(readOne(withRaw(order, 'quantity', '9007199254740992')), { ok: false, code: 'EVENT_NUMBER_RANGE', path: 'quantity' })
  t.match(readOne(withRaw(order, 'location', '{"latitude":1e999}')), { ok: false, code: 'EVENT_NUMBER_RANGE', path: 'location.latitude' })
})

t.test('null and other spellings of a right value are accepted', async t => {
  const accepted: [string, string][] = [
    ['amount', '"12.34"'], ['amount', '"\\u0031"'], ['amount', 'null'], ['amount', '-0.5'], ['quantity', '2.0'], ['quantity', '1e2'], ['quantity', 'null'], ['properties', 'null'],
    ['location', '"Bavaria"'], ['location', 'null'], ['location', '{}'], ['device', '"phone"'], ['order_status', '"\\u004eEW"'], ['event_type', '"order\\u005fcreated"'],
    ['event_id', `"${'x'.repeat(128)}"`], ['event_id', `"${'😀'.repeat(128)}"`], ['event_id', `"${'\\u00e9'.repeat(128)}"`], ['timestamp', '"2025-03-14T09:26:53.589\\u005a"']
  ]
  for (const [member, raw] of accepted) t.match(readOne(withRaw(order, member, raw)), { ok: true, hasExtra: false }, `${member}: ${raw}`)
  t.match(readOne(withRaw(order, 'event_id', `"${'😀'.repeat(129)}"`)), { ok: false, path: 'event_id' })
  t.match(readOne(withRaw(base, 'event_id', '"\\u00e4\\n"')), { ok: true, eventId: 'ä\n', key: 'ä\n' })
})

t.test('what the type does not declare is kept, and said to be there', async t => {
  t.match(readOne({ ...base, loyalty: 'gold' }), { ok: true, hasExtra: true })
  t.match(readOne({ ...base, order_id: 7 }), { ok: true, hasExtra: true }, 'a field of another type, whatever it holds')
  t.match(readOne({ ...base, location: { zip: '80331' } }), { ok: true, hasExtra: true }, 'inside a group')
  t.match(readOne({ ...base, event_type: 'loyalty_joined', url: 'x' }), { ok: true, eventType: 'loyalty_joined', hasExtra: true })
  t.match(readOne({ ...base, event_type: 'loyalty_joined' }), { ok: true, hasExtra: false })
  t.match(readOne({ ...base, properties: { zip: 1, location: {} } }), { ok: true, hasExtra: false })
  t.match(readOne(withRaw(base, 'amount', '9007199254740993')), { ok: false, code: 'EVENT_NUMBER_RANGE', path: 'amount' })
})

t.test('reserved names are refused, whatever they hold', async t => {
  for (const name of contract.reservedFields) t.match(readOne({ ...base, [name]: null }), { ok: false, code: 'EVENT_RESERVED_FIELD', path: name })
  t.match(readOne({ ...base, properties: { $extra: {} } }), { ok: false, code: 'EVENT_RESERVED_FIELD', path: 'properties.$extra' })
  t.match(readOne({ ...base, properties: { ip: '1.2.3.4', deep: { $type: 1 } } }), { ok: true })
})

t.test('the age window is measured against the time of receipt, to the millisecond', async t => {
  const at = (ms: number): CheckedEvent => readOne({ ...base, timestamp: new Date(ms).toISOString() })
  t.match(at(receivedAtMs + 3_600_000), { ok: true })
  t.match(at(receivedAtMs + 3_600_001), { ok: false, code: 'EVENT_TIMESTAMP_OUT_OF_WINDOW', path: 'timestamp' })
  t.match(at(receivedAtMs - 7 * 86_400_000), { ok: true })
  t.match(at(receivedAtMs - 7 * 86_400_000 - 1), { ok: false, code: 'EVENT_TIMESTAMP_OUT_OF_WINDOW' })
  const old = Buffer.from(JSON.stringify({ ...base, timestamp: '1999-12-31T23:59:59+01:00' }))
  t.match(checkEvent(old, { ...options, ageDaysMax: null }), { ok: true })
  t.match(readOne({ ...base, timestamp: '2025-03-14' }), { ok: false, code: 'EVENT_TIMESTAMP_INVALID', message: /RFC 3339/ })
  t.match(readOne({ ...base, timestamp: 1741944413 }), { ok: false, code: 'EVENT_TIMESTAMP_INVALID' })
})

t.test('money of more than 15 digits is forwarded as a string, other bytes stay', async t => {
  const read = readOne('{"unit_price" : 12345678901234.56,"event_id":"e","event_type":"order_created","timestamp":"' + timestamp + '","order_id":"é","amount":-9999999999999999.99}')
  t.equal(read.ok && Buffer.from(read.value).toString(), '{"unit_price" : "12345678901234.56","event_id":"e","event_type":"order_created","timestamp":"' + timestamp + '","order_id":"é","amount":"-9999999999999999.99"}')
})

t.test('money that a default is computed from is quoted once', async t => {
  const read = readOne(withRaw({ ...order, quantity: 1 }, 'unit_price', '1234567890123456.7'))
  t.equal(read.ok && Buffer.from(read.value).toString(), withRaw({ ...order, quantity: 1 }, 'unit_price', '"1234567890123456.7"'))
})

t.test('a member is the one that its name says, however it is spelled', async t => {
  const escapes = [(name: string) => name.replaceAll(/./g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`), (name: string) => name.replace(/.$/, unit => `\\u00${unit.charCodeAt(0).toString(16).toUpperCase()}`)]
  for (const escape of escapes) {
    const spelled = (event: object): string => JSON.stringify(event).replaceAll(/"([a-z_]+)":/g, (_, name: string) => `"${escape(name)}":`)
    for (const type of contract.eventTypes) {
      const sent = spelled(exampleEvent(contract, type, timestamp))
      const read = readOne(sent)
      t.match(read, { ok: true, eventId: '0f9a1c52-7f0e-4c57-9d0b-2b1f1c6f8a11', eventType: type.name, key: 'session-7f3a', hasExtra: false }, type.name)
      t.equal(read.ok && Buffer.from(read.value).toString(), sent)
    }
    for (const name of ['received_at', 'ip', 'user_agent']) t.match(readOne(spelled({ ...base, [name]: 'x' })), { ok: false, code: 'EVENT_RESERVED_FIELD', path: name })
    t.match(readOne(spelled({ ...base, properties: { a: 1 } }).replace(/"[^"]*":1/, `"${escape('$extra')}":1`)), { ok: false, code: 'EVENT_RESERVED_FIELD', path: 'properties.$extra' })
    for (const name of ['event_id', 'location', 'title', 'foo', 'é']) {
      const twice = `${JSON.stringify({ ...base, [name]: 'a' }).slice(0, -1)},"${escape(name)}":"b"}`
      t.match(readOne(twice), { ok: false, code: 'EVENT_DUPLICATE_KEY', path: name })
    }
    t.match(readOne(`${JSON.stringify(base).slice(0, -1)},"location":{"city":"a","${escape('city')}":"b"}}`), { ok: false, code: 'EVENT_DUPLICATE_KEY', path: 'location.city' })
    t.match(readOne(`${JSON.stringify(base).slice(0, -1)},"properties":{"x":[{"é":1,"${escape('é')}":2}]}}`), { ok: false, code: 'EVENT_DUPLICATE_KEY' })
    t.match(readOne(spelled({ ...base, location: { city: 5 } })), { ok: false, code: 'EVENT_FIELD_TYPE', path: 'location.city' })
    t.match(readEvents(Buffer.from(`{"${escape('events')}":[${JSON.stringify(base)}]}`), 'json', options), { single: false, events: [{ ok: true }] })
  }
  t.match(readOne(`${JSON.stringify(base).slice(0, -1)},"\\ud83d\\uDE00":1,"😀":2}`), { ok: false, code: 'EVENT_DUPLICATE_KEY' }, 'a pair of surrogates is one character')
  refusesBody('{"ev\\x65nts":[]}', 'json', 'BODY_NOT_JSON', /unknown escape/)
})

t.test('the default amount of an order has to fit its column', async t => {
  const big = '{"event_id":"e","event_type":"order_created","timestamp":"' + timestamp + '","order_id":"o","quantity":2,"unit_price":9999999999999999.99'
  t.match(readOne(`${big}}`), { ok: false, code: 'EVENT_FIELD_RANGE', path: 'amount' })
  t.match(readOne(`${big},"amount":1}`), { ok: true })
  t.match(readOne(`${big},"amount":null}`), { ok: false, path: 'amount' })
})

t.test('a value is one line: newlines between tokens become spaces', async t => {
  const read = readOne(JSON.stringify({ ...base, properties: { a: 'x\ny' } }, null, 2).replaceAll('\n', '\r\n'))
  t.ok(read.ok)
  const value = read.ok ? Buffer.from(read.value).toString() : ''
  t.notOk(/[\r\n]/.test(value))
  t.same(JSON.parse(value), { ...base, properties: { a: 'x\ny' } })
})

t.test('a batch is an array, an object with events, or lines; each event has its own answer', async t => {
  const events = [base, { ...base, event_id: 7 }, 'x', { ...base, event_id: 'e-3', é: '😀' }]
  const bodies = [JSON.stringify(events), JSON.stringify({ events }, null, 1), ` { "events" : ${JSON.stringify(events)} } `]
  for (const body of bodies) {
    const read = readEvents(Buffer.from(body), 'json', options)
    t.match(read, { single: false, events: [{ ok: true }, { ok: false, path: 'event_id' }, { ok: false, code: 'EVENT_NOT_OBJECT' }, { ok: true, eventId: 'e-3' }] })
  }
  t.match(readEvents(Buffer.from(JSON.stringify({ ...base, events: [] })), 'json', options), { single: true, events: [{ ok: true, hasExtra: true }] })
  t.match(readEvents(Buffer.from(JSON.stringify({ events: [base], ...base })), 'json', options), { single: true, events: [{ ok: true, hasExtra: true }] })
  t.equal(readEvents(Buffer.from(JSON.stringify([base])), 'json', options).single, false)
})

t.test('in NDJSON a broken line spoils no other, and blank lines are skipped', async t => {
  const line = JSON.stringify(base)
  const body = Buffer.concat([
    Buffer.from(`\n${line}\r\n  \n{"event_id":\n`), Buffer.from([0x22, 0xff, 0x22, 0x0a]), Buffer.from(`${line} ${line}\n[${line}]\n\ufeff${line}\n${line}`)
  ])
  t.match(readEvents(body, 'ndjson', options), {
    single: false,
    events: [
      { ok: true },
      { ok: false, code: 'EVENT_NOT_JSON', message: /found the end at line 4, byte 12$/ },
      { ok: false, code: 'EVENT_ENCODING' },
      { ok: false, code: 'EVENT_NOT_JSON' },
      { ok: false, code: 'EVENT_NOT_OBJECT' },
      { ok: false, code: 'EVENT_ENCODING', message: /byte order mark/ },
      { ok: true }
    ]
  })
})

t.test('a body that cannot be read is refused whole, with the place', async t => {
  refusesBody(`[${JSON.stringify(base)},\n {"event_id":}]`, 'json', 'BODY_NOT_JSON', /line 2, column 14/)
  refusesBody(`${JSON.stringify(base)}\n${JSON.stringify(base)}`, 'json', 'BODY_NOT_JSON', /ndjson/)
  refusesBody('\ufeff{}', 'json', 'BODY_ENCODING', /byte order mark/)
  refusesBody(Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d]), 'json', 'BODY_ENCODING', /UTF-8/)
  refusesBody(Buffer.from(JSON.stringify(base), 'utf16le'), 'json', 'BODY_NOT_JSON')
  for (const body of ['', ' \n', '[]', '{"events":[]}']) refusesBody(body, 'json', 'BODY_EMPTY')
  refusesBody('\n \r\n', 'ndjson', 'BODY_EMPTY')
  refusesBody('['.repeat(2000), 'json', 'BODY_TOO_DEEP')
  refusesBody(`[${'0,'.repeat(100)}0]`, 'json', 'BODY_TOO_MANY_EVENTS')
  refusesBody('0\n'.repeat(101), 'ndjson', 'BODY_TOO_MANY_EVENTS')
  t.equal(contractErrors.BODY_TOO_MANY_EVENTS.httpStatus, 413)
})

t.test('one event that is too large or too deep leaves its neighbours alone', async t => {
  const events = [{ ...base, properties: { text: 'x'.repeat(65_536) } }, base]
  t.match(readEvents(Buffer.from(JSON.stringify(events)), 'json', options).events, [{ ok: false, eventId: 'e-1', code: 'EVENT_TOO_LARGE' }, { ok: true }])
  let deep: object = {}
  for (let n = 0; n < 40; n++) deep = { deep }
  t.match(readEvents(Buffer.from(JSON.stringify([{ ...base, properties: deep }, base])), 'json', options).events, [{ ok: false, code: 'EVENT_TOO_DEEP' }, { ok: true }])
  t.match(checkEvent(Buffer.from(JSON.stringify(events[0])), options), { ok: false, code: 'EVENT_TOO_LARGE' })
})

t.test('the slices of a batch parse to the elements of the batch', async () => {
  const event = fc.record({ event_id: fc.string({ minLength: 1, maxLength: 20 }).filter(id => isWhole(id) && !meansNothing(id)), extra: fc.jsonValue({ maxDepth: 3 }) }).map(({ event_id, extra }) => ({ ...base, event_id, extra }))
  fc.assert(fc.property(fc.array(event, { minLength: 1, maxLength: 5 }), fc.constantFrom(undefined, 1), (events, indent) => {
    const body = Buffer.from(JSON.stringify(events, null, indent))
    const elements = JSON.parse(body.toString()) as unknown[]
    return readEvents(body, 'json', options).events.every((read, n) =>
      read.ok ? JSON.stringify(JSON.parse(Buffer.from(read.value).toString())) === JSON.stringify(elements[n]) && read.eventId === events[n]!.event_id : ['EVENT_NUMBER_RANGE', 'EVENT_STRING_INVALID'].includes(read.code))
  }), { numRuns: 500 })
})

t.test('the reader and the compiled TypeBox validator agree about every declared type', async () => {
  // What was added later refuses nothing, and the schema says what is meant by it.
  const wire = fc.constantFrom(...Object.keys(contract.fields).filter(name => contract.fields[name]!.since === 1))
  const raw = fc.constantFrom(null, 'x', '', 'NEW', 'USD', '12.34', 0, 7, -3, 1.5, true, [], {}, { city: 'x' }, { city: 1 }, { latitude: 1.5, type: 'x' }, { type: 2 }, 'order_created', timestamp)
  for (const type of contract.eventTypes) {
    const validator = Compile(eventSchema(contract, type))
    fc.assert(fc.property(fc.array(fc.tuple(wire, raw), { maxLength: 3 }), changes => {
      const event = { ...exampleEvent(contract, type, timestamp), ...Object.fromEntries(changes) }
      event['event_type'] = type.name
      return checkEvent(Buffer.from(JSON.stringify(event)), options).ok === validator.Check(event)
    }), { numRuns: 60 })
  }
})

t.test('a field that was added later never refuses what clients have been sending', async t => {
  const later = createReader({
    ...contract,
    fields: { ...contract.fields, loyalty: integer('', { since: 2 }), credit: money('', { since: 2 }), tier: text('', { since: 2, charsMax: 3 }), weight: double('', { since: 3 }) },
    eventTypes: contract.eventTypes.map(type => type.name === 'page_view' ? { ...type, fields: [...type.fields, 'loyalty', 'credit', 'tier', 'weight'] } : type)
  })
  t.match(readOne({ ...base, loyalty: 5, credit: '1.50', tier: 'abc', weight: 1 }, later), { ok: true, hasExtra: false })
  for (const kept of [{ loyalty: 'gold' }, { credit: 1.234 }, { tier: 'platinum' }, { tier: {} }, { weight: '5 kg' }]) t.match(readOne({ ...base, ...kept }, later), { ok: true, hasExtra: true })
  t.match(readOne(withRaw(base, 'loyalty', '1e999'), later), { ok: false, code: 'EVENT_NUMBER_RANGE' }, 'but never a number that two parsers read differently')
  t.match(readOne(withRaw(base, 'credit', '12345678901234567890'), later), { ok: false, code: 'EVENT_NUMBER_RANGE' })
})

t.test('a value that is kept aside hides nothing else that is wrong', async t => {
  const aside = { ...base, loyalty: 'gold', tier: 'PLATINUM' }
  t.match(readOne(aside, grown), { ok: true, hasExtra: true, aside: ['loyalty', 'tier'] })
  t.match(readOne({ ...base, loyalty: 5, shop: 'Main' }, grown), { ok: true, hasExtra: false, aside: [] })
  t.match(readOne({ ip: '::1', ...aside }, grown), { ok: false, code: 'EVENT_RESERVED_FIELD', path: 'ip' })
  t.match(readOne(withRaw({ amount: 1, ...aside }, 'amount', '12345678901234567890'), grown), { ok: false, code: 'EVENT_NUMBER_RANGE', path: 'amount' }, 'a field of another type')
  t.match(readOne({ ...aside, title: 5 }, grown), { ok: false, code: 'EVENT_FIELD_TYPE', path: 'title' })
  t.match(readOne(withRaw({ ...aside, shop: { floor: 'x', at: '' } }, 'weight', '1e999'), grown), { ok: false, code: 'EVENT_NUMBER_RANGE', path: 'weight' })
  t.match(readOne({ ...base, loyalty: 5 }, grown), { aside: [] }, 'the next event has its own')
})

t.test('what is kept aside is the same for a reader that comes later', async t => {
  const ofShipped = shipped.findAside(Buffer.from(JSON.stringify({ ...base, loyalty: 'gold' })))
  t.match(ofShipped, { eventType: 'page_view', aside: [] })
  t.match(grown.findAside(Buffer.from(JSON.stringify({ ...base, loyalty: 'gold', title: 5 }))), { eventType: 'page_view', aside: ['loyalty'] })
  const late = grown.findAside(Buffer.from(`{"fee":1234567890123456.78,\n${JSON.stringify(base).slice(1)}`))
  t.equal(Buffer.from(late!.value).toString(), `{"fee":"1234567890123456.78", ${JSON.stringify(base).slice(1)}`, 'money is quoted by who knows that it is money')
  for (const text of ['', '7', '[]', '{"a":']) t.equal(grown.findAside(Buffer.from(text)), null)
})

t.test('a plain string in place of a group is judged as the member that it becomes', async t => {
  const shop = struct('', { kind: oneOf('', ['A', 'B']), floor: integer('') }, 'kind')
  const reader = createReader({ ...contract, fields: { ...contract.fields, shop }, baseFields: [...contract.baseFields, 'shop'] })
  t.match(readOne({ ...base, shop: 'A' }, reader), { ok: true })
  t.match(readOne({ ...base, shop: 'C' }, reader), { ok: false, path: 'shop' })
  t.throws(() => struct('', { floor: integer('') }, 'floor'), /cannot become floor/)
})

function isWhole (text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}
