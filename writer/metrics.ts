// What the writer tells Prometheus; the names are a promise to dashboards.

import type { Metrics } from '../runtime/index.ts'

export function createWriterMetrics (metrics: Metrics) {
  return {
    rows: metrics.counter('rows_total', 'rows committed to firn.events'),
    commits: metrics.counter('commits_total', 'commits by table', ['table']),
    letters: metrics.counter('dead_letters_total', 'dead letters by reason', ['reason']),
    lettersOfGateway: metrics.counter('dead_letters_from_gateway_total', 'dead letters that the gateway had accepted: must stay 0, each is a disagreement of the two parsers'),
    amended: metrics.counter('values_amended_total', 'values that landed in another form, by field: money rounded, times of wrong clocks corrected; as sent they are in properties.$extra', ['field']),
    keptAside: metrics.counter('values_kept_aside_total', 'values kept in properties.$extra, by field: ids that mean nothing, currencies that are none, values of another kind than a field that was added later', ['field']),
    duplicates: metrics.counter('duplicates_total', 'events dropped because their event_id is in the table'),
    fenced: metrics.counter('batches_discarded_total', 'batches that another writer had committed, or that could not be committed, by reason', ['reason']),
    freshness: metrics.histogram('freshness_seconds', 'from the arrival of an event to its row being visible (a sample of each batch)', [0.1, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 15, 30, 60, 300, 3600]),
    commitSeconds: metrics.histogram('commit_seconds', 'from sealing a batch to its rows being visible', [0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 15, 60]),
    lag: metrics.gauge('lag_records', 'records in the log that are not committed, as it is at the scrape', ['topic', 'partition']),
    oldest: metrics.gauge('oldest_uncommitted_seconds', 'how long the oldest record that is not committed has waited, as far as this process has seen'),
    retention: metrics.gauge('log_retention_seconds', 'how long the log keeps records whether they are rows or not (FIRN_KAFKA_RETENTION_HOURS); the embedded log keeps what is not committed'),
    stalled: metrics.gauge('stalled_seconds', 'how long records have waited while nothing was committed; 0 while it goes on, or nothing waits'),
    halted: metrics.gauge('halted_partitions', 'partitions that stand still until an operator decides; -1: the whole writer'),
    indexIds: metrics.gauge('duplicate_index_ids', 'ids in the duplicate index'),
    types: metrics.gauge('event_types', 'event types in the table')
  }
}

export type WriterMetrics = ReturnType<typeof createWriterMetrics>
