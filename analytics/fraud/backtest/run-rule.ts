// One rule over history, by whichever engine: what would fire, an order once with its highest score. Memory is bounded by the
// orders that fire, not by the history.

import { DuckDBTimestampTZValue } from '@duckdb/node-api'
import { fail } from '../../errors.ts'
import type { Model } from '../../models/model-file.ts'
import { timeLiteral } from '../../models/render.ts'
import type { Answer, QueryEngine } from '../../query/engine.ts'
import { historySql, type History } from './history-sql.ts'

const firedMax = 1_000_000

export interface Fired { readonly orderId: string, readonly score: number, readonly at: string, readonly evidence: string }

/** Order → what fired on it. Throws BACKTEST_TOO_MANY, and what the engine throws. */
export async function runRule (engine: QueryEngine, rule: Model, history: History, signal: AbortSignal): Promise<Map<string, Fired>> {
  const sql = `select f.order_id, cast(f.score as integer) as score, f.event_time as at, f.evidence from (${historySql(rule, history)}) f
where f.order_id is not null${within('f.event_time', history)} order by f.order_id, f.score desc, f.event_time`
  const fired = new Map<string, Fired>()
  for await (const [orderId, score, at, evidence] of rowsOf(await engine.query(sql, { signal }))) {
    if (fired.size >= firedMax) throw fail('BACKTEST_TOO_MANY', { max: firedMax })
    if (!fired.has(String(orderId))) fired.set(String(orderId), { orderId: String(orderId), score: Number(score), at: timeOf(at)?.toISOString() ?? '', evidence: String(evidence) })
  }
  return fired
}

export interface Extent { readonly watermark: Date, readonly days: number, readonly events: number, readonly orders: number }

/** How much history there is. */
export async function readExtent (engine: QueryEngine, { from, to }: Pick<History, 'from' | 'to'>): Promise<Extent> {
  const answer = await engine.query(`select count(*) as events, count(distinct e.order_id) as orders, max(e.received_at) as watermark,
date_diff('second', min(e.received_at), max(e.received_at)) as seconds from firn.events e where true${within('e.event_time', { from, to })}`)
  for await (const [events, orders, watermark, seconds] of rowsOf(answer)) {
    return { events: Number(events), orders: Number(orders), watermark: timeOf(watermark) ?? new Date(0), days: Math.max(Number(seconds ?? 0), 1) / 86_400 }
  }
  throw new Error('no row came')
}

/** Of these orders, those that the history has. */
export async function readKnown (engine: QueryEngine, orders: { has(orderId: string): boolean }, { from, to }: Pick<History, 'from' | 'to'>): Promise<Set<string>> {
  const known = new Set<string>()
  for await (const [orderId] of rowsOf(await engine.query(`select distinct e.order_id from firn.events e where e.order_id is not null${within('e.event_time', { from, to })}`))) {
    if (orders.has(String(orderId))) known.add(String(orderId))
  }
  return known
}

/** DuckDB gives a value of its own, Trino's engine a text. */
function timeOf (value: unknown): Date | null {
  if (value instanceof DuckDBTimestampTZValue) return new Date(Number(value.micros / 1000n))
  return typeof value === 'string' ? new Date(value.replace(' ', 'T').replace(/\+00$/, 'Z')) : null
}

export async function * rowsOf (answer: Answer): AsyncGenerator<readonly unknown[]> {
  for await (const rows of answer.chunks) yield * rows
}

export function within (column: string, { from, to }: Pick<History, 'from' | 'to'>): string {
  return `${from === null ? '' : ` and ${column} >= ${timeLiteral(from)}`}${to === null ? '' : ` and ${column} < ${timeLiteral(to)}`}`
}
