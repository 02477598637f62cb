// What clients get wrong, and the answer that the contract gives for it. An event that is wrong must be refused alone and
// must not touch its neighbours; a body that cannot be read is refused whole. Pure: strings and numbers only.

export interface BadEvent {
  readonly what: string
  /** The text of the event, made from a valid one. */
  readonly make: (valid: Readonly<Record<string, unknown>>) => string
  readonly status: number
  readonly code: string
  /** False when the gateway cannot read an id from it. */
  readonly hasId: boolean
}

export interface BadBody {
  readonly what: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
  readonly status: number
  readonly code: string
}

const eventBytesMax = 65_536
const depthTooMany = 5000

export const badEvents: readonly BadEvent[] = [
  bad('no event_type', 'EVENT_FIELD_MISSING', ({ event_type: _, ...event }) => event),
  { ...bad('no event_id', 'EVENT_FIELD_MISSING', ({ event_id: _, ...event }) => event), hasId: false },
  bad('no timestamp', 'EVENT_FIELD_MISSING', ({ timestamp: _, ...event }) => event),
  { ...bad('an event_id that is a number', 'EVENT_FIELD_TYPE', event => ({ ...event, event_id: 7 })), hasId: false },
  bad('an event_type in capitals', 'EVENT_FIELD_TYPE', event => ({ ...event, event_type: 'Page View' })),
  bad('a timestamp without offset', 'EVENT_TIMESTAMP_INVALID', event => ({ ...event, timestamp: '2026-01-31T12:00:00' })),
  bad('a leap second', 'EVENT_TIMESTAMP_INVALID', event => ({ ...event, timestamp: '2016-12-31T23:59:60Z' })),
  bad('a timestamp of years ago', 'EVENT_TIMESTAMP_OUT_OF_WINDOW', event => ({ ...event, timestamp: '2020-02-29T12:00:00Z' })),
  bad('a timestamp of the next decade', 'EVENT_TIMESTAMP_OUT_OF_WINDOW', event => ({ ...event, timestamp: '2099-01-01T00:00:00Z' })),
  bad('a reserved field', 'EVENT_RESERVED_FIELD', event => ({ ...event, received_at: '2026-01-31T12:00:00Z' })),
  bad('an order without its order_id', 'EVENT_FIELD_MISSING', event => ({ ...event, event_type: 'order_created', order_id: undefined })),
  bad('money with three decimals', 'EVENT_FIELD_TYPE', event => ({ ...event, event_type: 'order_created', order_id: 'o', amount: 1.234 })),
  bad('properties that are a list', 'EVENT_FIELD_TYPE', event => ({ ...event, properties: [1, 2] })),
  { ...bad('an event larger than the bound', 'EVENT_TOO_LARGE', event => ({ ...event, properties: { blob: 'x'.repeat(eventBytesMax) } })), status: 413 },
  { ...bad('a field twice', 'EVENT_DUPLICATE_KEY', event => event), make: event => JSON.stringify(event).replace('{', '{"event_type":"search",') },
  { ...bad('a number that no double holds', 'EVENT_NUMBER_RANGE', event => event), make: event => JSON.stringify({ ...event, properties: { n: 0 } }).replace('"n":0', '"n":1e999') },
  { ...bad('a lone surrogate', 'EVENT_STRING_INVALID', event => event), make: event => JSON.stringify({ ...event, properties: { n: 0 } }).replace('"n":0', '"n":"\\ud800"') }
]

export const badBodies: readonly BadBody[] = [
  { what: 'a body cut in the middle', body: '{"event_id":"cut","event_type":"page_vi', status: 400, code: 'BODY_NOT_JSON' },
  { what: 'an empty body', body: '', status: 400, code: 'GATEWAY_BODY_EMPTY' },
  { what: 'an empty list', body: '[]', status: 400, code: 'BODY_EMPTY' },
  { what: 'a text', body: '"hello"', status: 400, code: 'EVENT_NOT_OBJECT' },
  { what: 'a form', body: 'event_id=1&event_type=page_view', headers: { 'content-type': 'application/x-www-form-urlencoded' }, status: 415, code: 'GATEWAY_MEDIA_TYPE' },
  { what: 'an encoding that nobody knows', body: '{}', headers: { 'content-encoding': 'rot13' }, status: 415, code: 'GATEWAY_ENCODING_UNKNOWN' },
  { what: 'gzip that is none', body: '{"event_id":"plain"}', headers: { 'content-encoding': 'gzip' }, status: 400, code: 'GATEWAY_ENCODING_DAMAGED' },
  { what: 'a hole without bottom', body: '['.repeat(depthTooMany) + ']'.repeat(depthTooMany), status: 400, code: 'BODY_TOO_DEEP' }
]

function bad (what: string, code: string, change: (event: Record<string, unknown>) => unknown): BadEvent {
  return { what, code, status: 400, hasId: true, make: event => JSON.stringify(change({ ...event })) }
}
