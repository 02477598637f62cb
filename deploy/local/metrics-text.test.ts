import t from 'tap'
import { bucketsOf, parseMetrics, quantileBetween, sumOf } from './metrics-text.ts'
import { describeLine } from './live-line.ts'

const text = (fast: number, slow: number) => `# HELP x_total things
# TYPE x_total counter
x_total{kind="a"} 3
x_total{kind="b"} 4
x_total_created 9
y_seconds_bucket{le="1"} ${fast}
y_seconds_bucket{le="5"} ${fast + slow}
y_seconds_bucket{le="+Inf"} ${fast + slow}
y_seconds_count ${fast + slow}
`

t.test('a metric is summed over its labels, and over nothing else', async t => {
  t.equal(sumOf(parseMetrics(text(0, 0)), 'x_total'), 7)
  t.equal(sumOf(parseMetrics(text(0, 0)), 'z_total'), 0)
})

t.test('a quantile counts only what came between two readings', async t => {
  const before = bucketsOf(parseMetrics(text(1000, 0)), 'y_seconds')
  const after = bucketsOf(parseMetrics(text(1000, 10)), 'y_seconds')
  t.equal(quantileBetween(before, after, 0.5), 3)
  t.equal(quantileBetween(new Map(), before, 0.5), 0.5)
  t.equal(quantileBetween(before, before, 0.5), undefined)
})

t.test('the line shows rates since the last reading, and none below zero when a service was started again', async t => {
  const reading = (atMs: number, accepted: number) => ({ atMs, accepted, rows: 1234567, deadLetters: 2, halted: 0, freshness: new Map([[1, accepted], [Infinity, accepted]]), alerts: new Map<number, number>() })
  t.equal(describeLine(reading(0, 100), reading(2000, 500), reading(0, 100)), 'in 200 events/s  ·  committed 1,234,567 rows  ·  freshness p50 0.5 s p99 1.0 s  ·  dead letters 2')
  t.match(describeLine(reading(0, 500), reading(2000, 0), reading(0, 500)), /^in 0 events\/s .* freshness p50 – p99 –/)
  t.match(describeLine(undefined, { ...reading(0, 0), halted: 1 }, undefined), /1 partition\(s\) HALTED/)
  t.match(describeLine(undefined, { ...reading(0, 0), alerts: new Map([[5, 10], [10, 20], [Infinity, 20]]) }, undefined), /alerts 20, p95 9.5 s after the event$/)
})
