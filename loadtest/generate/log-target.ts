// Events straight into a log, past the gateway, as producers of one's own send them: either events of the contract, or the
// shop's own orders, status changes and payments, which the writer maps (FIRN_LOG_MAPPINGS). Nobody checks them on the
// way; what is broken becomes a dead letter. The ledger names each row by the event_id that the mapping gives it.

import { setTimeout as sleep } from 'node:timers/promises'
import type { FirnError } from '../../runtime/index.ts'
import type { Log, LogRecord } from '../../log/index.ts'
import { mapRecord, topicMappings } from '../../openapi/index.ts'
import type { Ledger } from './ledger.ts'
import type { SenderCounts } from './sender.ts'
import type { ShopEvent } from './shop.ts'

export type LogForm = 'events' | 'source'

export interface LogTargetOptions {
  readonly log: Log
  readonly ledger: Ledger
  readonly topic: string
  readonly form: LogForm
  readonly batch: number
  /** Appends under way at once. */
  readonly connections: number
  readonly giveUpMs: number
  readonly signal: AbortSignal
}

export interface LogTarget {
  readonly counts: SenderCounts
  readonly latencyMs: number[]
  take(event: ShopEvent): Promise<void>
  end(): Promise<void>
}

interface Outgoing { readonly record: LogRecord, readonly eventId: string | null, readonly broken: boolean }

const backoffMs = 250
const orderFields = ['order_id', 'customer_id', 'product_id', 'product_name', 'category', 'quantity', 'unit_price', 'order_status', 'region', 'timestamp']
const updateFields = ['order_id', 'customer_id', 'order_status', 'region', 'timestamp']
const paymentFields = ['payment_id', 'order_id', 'amount', 'currency', 'payment_method', 'card_fingerprint', 'timestamp']

/** The topics that a form writes to. */
export function topicsOf (form: LogForm, topic: string): string[] {
  return form === 'events' ? [topic] : [topic, 'ecommerce_orders', 'order_updates', 'payments']
}

export function createLogTarget (options: LogTargetOptions): LogTarget {
  const { log, ledger, form, topic, signal } = options
  const counts: SenderCounts = { acked: 0, refused: 0, unknown: 0, requests: 0, retries: 0 }
  const latencyMs: number[] = []
  const underWay = new Set<Promise<void>>()
  let open: Outgoing[] = []

  const append = async (some: readonly Outgoing[]): Promise<void> => {
    const startedAt = performance.now()
    for (;;) {
      counts.requests++
      try {
        await log.append(some.map(({ record }) => record))
        latencyMs.push(performance.now() - startedAt)
        break
      } catch (error) {
        const { retryable } = error as Partial<FirnError>
        if (retryable !== true || signal.aborted || performance.now() - startedAt > options.giveUpMs) {
          counts.unknown += some.length
          ledger.note({ unknown: some.flatMap(({ eventId }) => eventId ?? []) })
          if (retryable !== true) throw error
          return
        }
        counts.retries++
        await sleep(backoffMs, undefined, { signal }).catch(() => undefined)
      }
    }
    const acked = some.filter(({ broken }) => !broken).flatMap(({ eventId }) => eventId ?? [])
    counts.acked += acked.length
    if (acked.length > 0) ledger.note({ acked })
  }
  const ship = async (): Promise<void> => {
    if (open.length === 0) return
    const some = open
    open = []
    while (underWay.size >= options.connections) await Promise.race(underWay)
    const sending = append(some).finally(() => underWay.delete(sending))
    underWay.add(sending)
    sending.catch(() => undefined)
  }
  return {
    counts,
    latencyMs,
    take: async event => {
      open.push(form === 'events' ? asEvent(event, topic) : asSource(event, topic))
      if (open.length >= options.batch) await ship()
    },
    end: async () => {
      await ship()
      await Promise.all(underWay)
    }
  }
}

function asEvent (event: ShopEvent, topic: string): Outgoing {
  return { record: recordOf(topic, keyOf(event), event.json), eventId: event.eventId, broken: event.kind === 'malformed' }
}

/** The form that shops have: no event type, no event_id, one topic for each kind of record. */
export function asSource (event: ShopEvent, topic: string): Outgoing {
  const fields = event.kind === 'malformed' ? {} : JSON.parse(event.json) as Record<string, unknown>
  const type = String(fields.event_type)
  if (type === 'order_created') return mapped('ecommerce_orders', pick(fields, orderFields))
  if (type.startsWith('order_') && type !== 'order_item_added') return mapped('order_updates', pick(fields, updateFields))
  if (type.startsWith('payment_')) return mapped('payments', { ...pick(fields, paymentFields), status: type.slice('payment_'.length) })
  return asEvent(event, topic)
}

function mapped (topic: string, value: Record<string, unknown>): Outgoing {
  const json = JSON.stringify(value)
  const { event_id: eventId } = JSON.parse(Buffer.from(mapRecord(topicMappings[topic]!, Buffer.from(json))!.event).toString()) as { event_id: string }
  return { record: recordOf(topic, String(value.order_id), json), eventId, broken: false }
}

function recordOf (topic: string, key: string, json: string): LogRecord {
  return { topic, key, value: Buffer.from(json), headers: {}, timestampMs: Date.now() }
}

function keyOf (event: ShopEvent): string {
  return /"session_id":"([^"]+)"/.exec(event.json)?.[1] ?? event.eventId ?? 'none'
}

function pick (fields: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter(name => name in fields).map(name => [name, fields[name]]))
}
