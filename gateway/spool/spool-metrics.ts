// What Prometheus sees of the spool, read when it asks. Names: firn_gateway_spool_<name>.

import type { Metrics } from '../../runtime/index.ts'
import type { SpoolState, SpoolStatus } from './spooling-log.ts'

const states: readonly SpoolState[] = ['straight', 'draining', 'spooling']

/** `stored`: what its folder holds against its bound, the one that the spool is full at; without it that is not told. */
export interface MeasuredSpool {
  readonly status: () => SpoolStatus
  readonly stored?: (() => Promise<{ readonly bytes: number, readonly bytesMax: number }>) | undefined
}

export function measureSpool (metrics: Metrics, spool: MeasuredSpool): void {
  const counted = { spooled: 0, drained: 0 }
  // First of all, so that the counters below are up to date when they are read.
  metrics.gauge('spool_records', 'events in the spool: durable, and not yet in the log', [], gauge => {
    const { records, spooled, drained } = spool.status()
    gauge.set(records)
    spooledTotal.inc(spooled - counted.spooled)
    drainedTotal.inc(drained - counted.drained)
    Object.assign(counted, { spooled, drained })
  })
  metrics.gauge('spool_bytes', 'bytes of the events in the spool', [], gauge => { gauge.set(spool.status().bytes) })
  const { stored } = spool
  if (stored !== undefined) {
    metrics.gauge('spool_stored_bytes', 'what the spool takes of spool_stored_bytes_max: pages on the disk, more than its events have', [], async gauge => {
      gauge.set((await stored()).bytes)
    })
    metrics.gauge('spool_stored_bytes_max', 'the bound of the spool (FIRN_GATEWAY_SPOOL_BYTES_MAX): at it events are refused', [], async gauge => {
      gauge.set((await stored()).bytesMax)
    })
  }
  metrics.gauge('spool_oldest_seconds', 'how long ago the oldest event in the spool was received', [], gauge => { gauge.set(spool.status().oldestSeconds) })
  metrics.gauge('spool_full', '1 while the spool refuses events', [], gauge => { gauge.set(spool.status().full ? 1 : 0) })
  metrics.gauge('spool_state', '1 for the state that holds: straight (the spool is empty), draining (the log takes events, the spool is not empty), spooling (the log takes none)', ['state'], gauge => {
    for (const state of states) gauge.set({ state }, spool.status().state === state ? 1 : 0)
  })
  const spooledTotal = metrics.counter('spooled_total', 'events made durable in the spool')
  const drainedTotal = metrics.counter('drained_total', 'events that the log has confirmed from the spool')
}
