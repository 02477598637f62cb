// Each order that was answered with 202 is one row with the values that were sent; a coupon stands in its column, or, where the
// writer did not know it yet, under properties.$extra. Asked by `npm run sql`'s own program.

import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { SentOrder } from './producer.ts'

const answerMsMax = 60_000
const answerBytesMax = 256 * 1024 ** 2
const examplesMax = 3

export type Row = Readonly<Record<string, unknown>>

export async function ask (sql: string, env: NodeJS.ProcessEnv): Promise<Row[]> {
  const program = join(resolve(import.meta.dirname, '../..'), 'analytics/sql/main.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [program, '--json', sql], { env, timeout: answerMsMax, maxBuffer: answerBytesMax })
  return JSON.parse(stdout) as Row[]
}

export interface Compared { readonly wrong: readonly string[], readonly inColumn: number, readonly inExtra: number }

/** `acked`: the event ids that were answered with 202. */
export async function compareRows (sent: ReadonlyMap<string, SentOrder>, acked: ReadonlySet<string>, env: NodeJS.ProcessEnv): Promise<Compared> {
  const found = await ask(`select e.order_id, cast(e.amount as varchar) as amount, cast(e.points as varchar) as points, cast(e.quantity as varchar) as pieces, e.coupon_code, e.properties
    from firn.events e where e.event_type = 'order_created'`, env)
  const rows = new Map<string, Row[]>()
  for (const row of found) rows.set(String(row.order_id), [...rows.get(String(row.order_id)) ?? [], row])
  const wrong: string[] = []
  let [inColumn, inExtra] = [0, 0]
  for (const [orderId, order] of sent) {
    if (!acked.has(`${orderId}-created`)) continue
    const [row, second] = rows.get(orderId) ?? []
    if (row === undefined || second !== undefined) {
      wrong.push(`${orderId} has ${second === undefined ? 'no row' : 'more than one row'}`)
      continue
    }
    const extra = extraOf(row.properties)
    const coupon = row.coupon_code ?? extra.coupon_code ?? null
    if (row.coupon_code !== null) inColumn++
    else if (extra.coupon_code !== undefined) inExtra++
    if (row.amount !== order.amount || row.points !== order.points || row.pieces !== String(order.pieces) || coupon !== order.coupon) wrong.push(`${orderId}: sent ${JSON.stringify(order)}, found ${JSON.stringify(row)}`)
  }
  return { wrong, inColumn, inExtra }
}

export function examplesOf (wrong: readonly string[]): string {
  return wrong.length === 0 ? '' : `${wrong.length} wrong: ${wrong.slice(0, examplesMax).join(' · ')}`
}

function extraOf (properties: unknown): Record<string, unknown> {
  if (typeof properties !== 'string') return {}
  return (JSON.parse(properties) as { $extra?: Record<string, unknown> }).$extra ?? {}
}
