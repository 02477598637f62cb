// What Prometheus sees of the gateway. The hot path counts into plain numbers; a scrape hands over what has grown.
// Names: firn_gateway_<name>_<unit>[_total].

import type { Connections, Metrics } from '../runtime/index.ts'
import type { Budget } from './budget.ts'
import type { RejectedEvent } from './accept.ts'
import type { Overload } from './overload.ts'
import type { AcceptedEvent } from './records.ts'
import type { UnfinishedBodies } from './unfinished-bodies.ts'

export interface GatewayMetrics {
  countRequest(status: number): void
  countAccepted(events: readonly AcceptedEvent[], bytes: number): void
  countRejected(rejected: readonly RejectedEvent[]): void
  /** A body of which no event could be read. */
  countBody(code: string): void
  /** Events of a request by the name of its write key, empty where none is wanted. */
  countOfKey(key: string, accepted: number, refused: number): void
  observeAppend(seconds: number): void
}

const appendSeconds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export function measureGateway (metrics: Metrics, budget: Budget): GatewayMetrics {
  const requestsByStatus = new Map<number, number>()
  const rejectedByCode = new Map<string, number>()
  const bodiesByCode = new Map<string, number>()
  const asideByField = new Map<string, number>()
  const amendedByField = new Map<string, number>()
  const byKey = new Map<string, { accepted: number, refused: number }>()
  let accepted = 0
  let acceptedBytes = 0
  // First of all, so that the counters below are up to date when they are read.
  metrics.gauge('unacknowledged_bytes', 'bytes that requests hold until they are answered', [], gauge => {
    gauge.set(budget.bytes)
    for (const [status, count] of requestsByStatus) requests.inc({ status: String(status) }, count)
    for (const [code, count] of rejectedByCode) rejections.inc({ code }, count)
    for (const [code, count] of bodiesByCode) bodies.inc({ code }, count)
    for (const [field, count] of asideByField) keptAside.inc({ field }, count)
    for (const [field, count] of amendedByField) amended.inc({ field }, count)
    for (const [key, counts] of byKey) {
      ofKeys.inc({ key, outcome: 'valid' }, counts.accepted)
      ofKeys.inc({ key, outcome: 'refused' }, counts.refused)
      Object.assign(counts, { accepted: 0, refused: 0 })
    }
    acceptances.inc(accepted)
    bytes.inc(acceptedBytes)
    requestsByStatus.clear()
    rejectedByCode.clear()
    bodiesByCode.clear()
    asideByField.clear()
    amendedByField.clear()
    accepted = acceptedBytes = 0
  })
  metrics.gauge('unacknowledged_bytes_max', 'the bound of unacknowledged_bytes: over it requests are answered with 429', []).set(budget.bytesMax)
  const requests = metrics.counter('requests_total', 'requests answered, by HTTP status', ['status'])
  const acceptances = metrics.counter('events_accepted_total', 'events acknowledged as durable')
  const rejections = metrics.counter('events_rejected_total', 'events refused, by code', ['code'])
  const bodies = metrics.counter('bodies_refused_total', 'request bodies of which no event could be read, by code: broken JSON, another content type, too large, an unknown key', ['code'])
  const keptAside = metrics.counter('values_kept_aside_total', 'values kept in properties.$extra, by field: ids that mean nothing, currencies that are none, values of another kind than a field that was added later', ['field'])
  const amended = metrics.counter('values_amended_total', 'values that land in another form, by field: money rounded, times of wrong clocks corrected; as sent they are in properties.$extra', ['field'])
  const ofKeys = metrics.counter('key_events_total', 'events by the name of their write key (empty without keys): valid or refused', ['key', 'outcome'])
  const bytes = metrics.counter('events_accepted_bytes_total', 'bytes of the events acknowledged as durable')
  const appends = metrics.histogram('append_seconds', 'time from the append to its durability', appendSeconds)
  return {
    countRequest: status => { requestsByStatus.set(status, (requestsByStatus.get(status) ?? 0) + 1) },
    countAccepted: (events, eventBytes) => {
      accepted += events.length
      for (const { aside, amended } of events) {
        for (const field of aside) asideByField.set(field, (asideByField.get(field) ?? 0) + 1)
        for (const { wire } of amended) amendedByField.set(wire, (amendedByField.get(wire) ?? 0) + 1)
      }
      acceptedBytes += eventBytes
    },
    countRejected: rejected => {
      for (const { code } of rejected) rejectedByCode.set(code, (rejectedByCode.get(code) ?? 0) + 1)
    },
    countBody: code => { bodiesByCode.set(code, (bodiesByCode.get(code) ?? 0) + 1) },
    countOfKey: (key, valid, refused) => {
      const counts = byKey.get(key)
      if (counts === undefined) byKey.set(key, { accepted: valid, refused })
      else {
        counts.accepted += valid
        counts.refused += refused
      }
    },
    observeAppend: seconds => { appends.observe(seconds) }
  }
}

/** What clients did that others would have to wait for. */
export function measureClients (metrics: Metrics, { connections, unfinished, overload }: { connections: Connections, unfinished: UnfinishedBodies, overload: Overload }): void {
  const seen = { refused: 0, cut: 0, dropped: 0, shed: 0 }
  metrics.gauge('connections', 'connections that are open', [], gauge => {
    gauge.set(connections.open)
    refused.inc(connections.refused - seen.refused)
    cut.inc(connections.cut - seen.cut)
    dropped.inc(unfinished.dropped - seen.dropped)
    shed.inc(overload.shed - seen.shed)
    Object.assign(seen, { refused: connections.refused, cut: connections.cut, dropped: unfinished.dropped, shed: overload.shed })
  })
  const refused = metrics.counter('connections_refused_total', 'connections refused: too many in all, or of one address')
  const cut = metrics.counter('connections_cut_total', 'connections cut because the client did not take its answer')
  const dropped = metrics.counter('bodies_dropped_total', 'bodies dropped before their end: too slow, or others needed the room')
  const shed = metrics.counter('requests_shed_total', 'requests refused with 503 at their head, since they would have waited too long')
}
