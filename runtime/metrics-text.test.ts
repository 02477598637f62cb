import t from 'tap'
import { bucketsOf, parseMetrics, quantileBetween, sumOf } from './metrics-text.ts'

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
