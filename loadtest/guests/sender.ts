// A client that posts all the time, whatever is done to the tables, and knows what it was promised a row for.

import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../../runtime/index.ts'

/** What a row has to hold, by our own column names, as text. */
export type Expected = Record<string, string | null>

export interface Sender {
  readonly expected: ReadonlyMap<string, Expected>
  /** Sends from now on. */
  go(): void
  /** Sends nothing more once this resolves, and then `go` again may. At least `count` further events are accepted first. */
  pause(count: number): Promise<void>
  stop(): Promise<void>
}

/** Columns that are compared. */
export const columns = ['event_id', 'event_type', 'user_id', 'referrer', 'title', 'quantity', 'amount', 'region'] as const

const everyMs = 60
const eventsEach = 4

export function startSender (gatewayUrl: string): Sender {
  const expected = new Map<string, Expected>()
  let running: Promise<void> | null = null
  let isStopped = false
  let n = 0
  const send = async (): Promise<void> => {
    for (; !isStopped; n += eventsEach) {
      const made = Array.from({ length: eventsEach }, (_, i) => makeEvent(n + i))
      const body = JSON.stringify(made.map(({ event }) => event))
      const reply = await fetch(`${gatewayUrl}/v1/events`, { method: 'POST', headers: { 'content-type': 'application/json' }, body }).catch(() => null)
      if (reply?.status === 202) for (const { id, row } of made) expected.set(id, row)
      await reply?.arrayBuffer()
      await sleep(everyMs)
    }
  }
  const stop = async (): Promise<void> => {
    isStopped = true
    await running
    running = null
  }
  return {
    expected,
    stop,
    go: () => {
      isStopped = false
      running ??= send()
    },
    pause: async count => {
      const from = expected.size
      await until(() => expected.size >= from + count)
      await stop()
    }
  }
}

function makeEvent (n: number): { id: string, event: object, row: Expected } {
  const id = `e-${n}`
  const isOrder = n % 2 === 0
  const user = n % 5 === 0 ? null : `u-${n % 3}ü`
  const region = isOrder ? ['EU', 'a/b c', 'ö'.repeat(140)][n / 2 % 3]! : null
  const quantity = isOrder ? n % 5 + 1 : null
  const event = {
    event_id: id, event_type: isOrder ? 'order_created' : 'page_view', timestamp: new Date(Date.now() - n % 2 * 3_600_000).toISOString(), session_id: `s-${n % 5}`,
    ...user === null ? {} : { user_id: user },
    ...isOrder ? { order_id: `o-${n}`, quantity, unit_price: '1.25', region } : { referrer: `https://r/${n}`, title: `T ${n}` }
  }
  const amount = quantity === null ? null : (quantity * 1.25).toFixed(2)
  return { id, event, row: { event_type: isOrder ? 'order_created' : 'page_view', user_id: user, referrer: isOrder ? null : `https://r/${n}`, title: isOrder ? null : `T ${n}`, quantity: quantity === null ? null : String(quantity), amount, region } }
}
