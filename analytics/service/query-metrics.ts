// What /metrics says of questions: how many, how they ended, how long they ran, what they sent, and who waits.

import type { Metrics } from '../../runtime/index.ts'
import type { QueryStatus } from './queries.ts'
import type { Slots } from './slots.ts'

const seconds = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60]

export interface QueryMetrics {
  settled(status: QueryStatus): void
  follow(slots: Slots): void
}

export function measureQueries (metrics: Metrics): QueryMetrics {
  const ended = metrics.counter('queries_total', 'questions by how they ended', ['state', 'code'])
  const bytes = metrics.counter('query_answer_bytes_total', 'bytes of answers')
  const ran = metrics.histogram('query_seconds', 'seconds that questions ran', seconds)
  return {
    settled ({ state, error, ran_ms: ms, bytes: sent }) {
      ended.inc({ state, code: error?.code ?? '' })
      bytes.inc(sent)
      if (ms !== null) ran.observe(ms / 1000)
    },
    follow (slots) {
      metrics.gauge('queries_running', 'questions that run', [], gauge => { gauge.set(slots.running) })
      metrics.gauge('queries_waiting', 'questions that wait for their turn', [], gauge => { gauge.set(slots.waiting) })
    }
  }
}
