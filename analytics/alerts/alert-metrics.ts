// What alerts tell Prometheus; the names are a promise to dashboards.

import type { Metrics } from '../../runtime/index.ts'
import type { LedgerState } from './ledger-state.ts'

export function createAlertMetrics (metrics: Metrics, state: LedgerState, stuckNow: () => number) {
  metrics.gauge('alerts_waiting', 'alerts in the outbox', [], gauge => { gauge.set(state.waiting.size) })
  metrics.gauge('alerts_stuck', 'alerts that could not be sent for longer than FIRN_ALERT_RETRY_MINUTES_MAX: must be 0', [], gauge => { gauge.set(stuckNow()) })
  metrics.gauge('alerts_remembered', 'alerts in the ledger, so that none is told twice', [], gauge => { gauge.set(state.entries.size) })
  return {
    offered: metrics.counter('alerts_offered_total', 'new alerts and grown scores', ['kind']),
    sent: metrics.counter('alerts_sent_total', 'alerts that were told, by channel', ['channel']),
    messages: metrics.counter('alert_messages_total', 'attempts to send a message, by channel and outcome: sent, failed and unknown are tried again, refused is not', ['channel', 'outcome']),
    seconds: metrics.histogram('alert_seconds', 'from the arrival of the event to the message being accepted', [0.5, 1, 2, 3, 4, 5, 6, 8, 10, 15, 30, 60, 300, 3600], ['channel'])
  }
}

export type AlertMetrics = ReturnType<typeof createAlertMetrics>
