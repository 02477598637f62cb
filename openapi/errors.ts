// The registry of everything the contract can refuse: code → message and HTTP status.
// EVENT_… codes are about one event and leave its neighbours alone; BODY_… codes are about a whole request.
// None is retryable: the same bytes get the same answer for ever. {braces} are filled by `describe`.

export interface ContractErrorEntry {
  readonly message: string
  readonly httpStatus: number
  readonly retryable: boolean
}

export const contractErrors = {
  BODY_NOT_JSON: entry('the body is not JSON: {reason} at line {line}, column {column} (byte {byte}); nothing of it was accepted'),
  BODY_ENCODING: entry('the body must be UTF-8 without a byte order mark: {reason}'),
  BODY_EMPTY: entry('the body holds no event: send one event object, an array of events, {"events": […]}, or one event per line'),
  BODY_TOO_DEEP: entry('the body nests deeper than {depthMax} levels at byte {byte}; nothing of it was accepted'),
  BODY_TOO_MANY_EVENTS: entry('the body holds more than {eventsMax} events: split it into several requests', 413),
  EVENT_NOT_JSON: entry('the event is not JSON: {reason} at {place}'),
  EVENT_ENCODING: entry('the event must be UTF-8 without a byte order mark: {reason}'),
  EVENT_NOT_OBJECT: entry('an event must be a JSON object, got {got}'),
  EVENT_TOO_LARGE: entry('the event has {bytes} bytes, {bytesMax} are allowed', 413),
  EVENT_TOO_DEEP: entry('the event nests deeper than {depthMax} levels'),
  EVENT_DUPLICATE_KEY: entry('{path} occurs twice in one object: JSON readers disagree about which one counts'),
  EVENT_STRING_INVALID: entry('{path} holds {reason}, which not every JSON reader can keep'),
  EVENT_NUMBER_RANGE: entry('{path} is a number that JSON readers do not read alike, got {got}: integers go to ±9007199254740991, others to the range of a double; send it as a string'),
  EVENT_FIELD_MISSING: entry('{path} is required{context}'),
  EVENT_ID_MEANINGLESS: entry('{path} is required and tells nothing from anything, got {got}: send an id of your own'),
  EVENT_FIELD_TYPE: entry('{path} must be {expected}, got {got}'),
  EVENT_FIELD_RANGE: entry('{path} must be {expected}, got {got}'),
  EVENT_TIMESTAMP_INVALID: entry('{path} must be {expected}, got {got}'),
  EVENT_TIMESTAMP_OUT_OF_WINDOW: entry('{path} must lie {expected}, got {got}'),
  EVENT_RESERVED_FIELD: entry('{path} is reserved: it is added on the way; send it under another name')
} as const satisfies Record<string, ContractErrorEntry>

export type ContractErrorCode = keyof typeof contractErrors

/** A body that cannot be read at all. Per-event refusals are values (`CheckedEvent`), never thrown. */
export class ContractError extends Error {
  override readonly name = 'ContractError'
  readonly code: ContractErrorCode
  readonly httpStatus: number
  readonly retryable: boolean
  readonly values: Readonly<Record<string, unknown>>

  constructor (code: ContractErrorCode, values: Record<string, unknown> = {}, cause?: unknown) {
    super(describe(code, values), cause === undefined ? undefined : { cause })
    this.code = code
    this.httpStatus = contractErrors[code].httpStatus
    this.retryable = contractErrors[code].retryable
    this.values = values
  }
}

export function describe (code: ContractErrorCode, values: Record<string, unknown>): string {
  return contractErrors[code].message.replaceAll(/\{([a-zA-Z]+)\}/g, (whole, name: string) => name in values ? String(values[name]) : whole)
}

function entry (message: string, httpStatus = 400): ContractErrorEntry {
  return { message, httpStatus, retryable: false }
}
