// Mappings from the JSON of producers that write to the log themselves to events of the contract.
//
// A topic declares one by name. A mapping only names the event: it adds `event_type` and, where there is none, an `event_id`
// made from the whole record, so that a record that a producer repeats lands once and records that differ in anything, such as
// the positions of one order, stay apart. It turns what such producers commonly send (numeric ids, local-looking times, lower-case states) into the contract's form, keeps every
// number's text, and leaves judging to the contract. A value that is an event already passes unchanged. A record that two JSON
// parsers may read differently (a name twice, in whatever spelling) is not mapped: the contract refuses it with the reason.
import { createHash } from 'node:crypto'
import { meansNothing } from './identities.ts'

export type MappingName = 'orders' | 'order_updates' | 'payments'
export const mappingNames: readonly MappingName[] = ['orders', 'order_updates', 'payments']

/** Topics that have a mapping unless the operator says otherwise: the names that such pipelines use. */
export const topicMappings: Readonly<Record<string, MappingName>> = { ecommerce_orders: 'orders', orders: 'orders', order_updates: 'order_updates', payments: 'payments' }

/** `isIdDerived`: the record has no id of its own, so that another one that is the same in every field has the same. */
export interface MappedRecord { readonly event: Uint8Array, readonly isIdDerived: boolean }

type Json = Record<string, unknown>

const orderTypes: Readonly<Record<string, string>> = { NEW: 'order_created', CANCELLED: 'order_cancelled', RETURNED: 'order_returned', COMPLETED: 'order_updated', REFUNDED: 'order_updated' }
const updateTypes: Readonly<Record<string, string>> = { ...orderTypes, NEW: 'order_updated' }
const paymentTypes: Readonly<Record<string, string>> = {
  AUTHORIZED: 'payment_authorized', PENDING: 'payment_authorized',
  CAPTURED: 'payment_captured', COMPLETED: 'payment_captured', PAID: 'payment_captured', SUCCESS: 'payment_captured', SUCCEEDED: 'payment_captured',
  FAILED: 'payment_failed', DECLINED: 'payment_failed',
  REFUNDED: 'payment_refunded'
}
const spellings: Readonly<Record<string, string>> = { CANCELED: 'CANCELLED' }
const idFields = ['event_id', 'order_id', 'customer_id', 'product_id', 'payment_id', 'session_id', 'user_id'] as const

/**
 * The event that a record stands for, as JSON bytes. Null when the record is no JSON object, or is not read alike by all: the contract says why.
 * `extra` fields stay: the contract keeps them under `properties.$extra`.
 */
export function mapRecord(mapping: MappingName, value: Uint8Array, isReadAlike: (value: Uint8Array) => boolean): MappedRecord | null {
  const record = isReadAlike(value) ? parse(value) : null
  if (record === null) return null
  if (typeof record.event_type === 'string') return { event: value, isIdDerived: false }
  const event = mapping === 'payments' ? mapPayment(record) : mapOrder(record, mapping)
  return { event: Buffer.from(JSON.stringify(event)), isIdDerived: hasNoId(record) }
}

function mapOrder(record: Json, mapping: 'orders' | 'order_updates'): Json {
  const { status, ...others } = record
  const rest = 'order_status' in record ? record : others
  const sent = record.order_status ?? status
  const state = typeof sent === 'string' ? spelling(sent) : sent
  const types = mapping === 'orders' ? orderTypes : updateTypes
  const event_type = typeof state === 'string' ? types[state] ?? 'order_updated' : mapping === 'orders' ? 'order_created' : 'order_updated'
  return withIds({ ...rest, ...state === undefined ? {} : { order_status: state }, event_type }, record)
}

function mapPayment(record: Json): Json {
  const state = record.payment_status ?? record.status
  const event_type = typeof state === 'string' ? paymentTypes[spelling(state)] : undefined
  // A state that nobody here knows is kept in $extra, and the payment counts as authorized only: no money is made up.
  return withIds({ ...record, event_type: event_type ?? (state === undefined ? 'payment_captured' : 'payment_authorized') }, record)
}

function withIds(event: Json, record: Json): Json {
  for (const name of idFields) if (isNumber(event[name])) event[name] = textOf(event[name])
  if (hasNoId(record)) event.event_id = idOf(record, event.event_type)
  event.timestamp = instantOf(event.timestamp)
  return event
}

function hasNoId ({ event_id: id }: Json): boolean {
  return id === undefined || id === null || (typeof id === 'string' && meansNothing(id))
}

/** The same for the same members in any order and spelling, another for any other value. */
function idOf(record: Json, eventType: unknown): string {
  return createHash('sha256').update(JSON.stringify(eventType)).update(printSorted(record)).digest('hex').slice(0, 32)
}

function printSorted(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(printSorted).join(',')}]`
  if (typeof value !== 'object' || value === null || isNumber(value)) return JSON.stringify(value)
  return `{${Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([name, member]) => `${JSON.stringify(name)}:${printSorted(member)}`).join(',')}}`
}

/** Times without an offset are UTC, a space stands for T, a number is seconds or milliseconds since 1970; all else is left to the contract. */
function instantOf(value: unknown): unknown {
  if (isNumber(value)) {
    const number = Number(textOf(value))
    const instant = new Date(number < 1e11 ? number * 1000 : number)
    return Number.isNaN(instant.getTime()) ? value : instant.toISOString()
  }
  const match = typeof value === 'string' ? /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?)(Z|[+-]\d{2}:?\d{2})?$/i.exec(value) : null
  if (match === null) return value
  const offset = (match[3] ?? 'Z').toUpperCase()
  return `${match[1]}T${match[2]}${offset.length === 5 ? `${offset.slice(0, 3)}:${offset.slice(3)}` : offset}`
}

/** Numbers keep their text: money is never read through a float. */
function parse(value: Uint8Array): Json | null {
  try {
    const read = parseWithSource(Buffer.from(value.buffer, value.byteOffset, value.length).toString(), (_, member, { source }) =>
      typeof member === 'number' ? rawJson(source!) : member)
    return typeof read === 'object' && read !== null && !Array.isArray(read) && !isNumber(read) ? read as Json : null
  } catch {
    return null
  }
}

interface RawJson { readonly rawJSON: string }
/** The text of a number as a reviver sees it: part of the language, not yet of TypeScript's library. */
const parseWithSource = JSON.parse as unknown as (text: string, revive: (name: string, member: unknown, context: { source?: string }) => unknown) => unknown
const { rawJSON: rawJson, isRawJSON } = JSON as unknown as { rawJSON: (text: string) => RawJson, isRawJSON: (value: unknown) => value is RawJson }

function isNumber(value: unknown): value is RawJson {
  return isRawJSON(value)
}

function textOf(value: unknown): string {
  return isNumber(value) ? value.rawJSON : String(value ?? '')
}

function spelling(state: string): string {
  const upper = state.trim().toUpperCase()
  return spellings[upper] ?? upper
}
