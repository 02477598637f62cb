import t from 'tap'
import { createMetrics } from '../runtime/index.ts'
import { staleCondition } from './alerts/stale-models.ts'
import { measureFreshness, ModelFreshness } from './model-freshness.ts'
import type { ModelStatus } from './runner/index.ts'

const status = (model: string, staleMs: number | null, goalMs = 60_000): ModelStatus => ({ model, staleMs, goalMs }) as ModelStatus

t.test('staleness and goal are metrics by model; while the tables cannot be asked, models grow older by the clock', async t => {
  let [nowMs, isAway, asked] = [0, false, 0]
  const freshness = new ModelFreshness(async () => {
    asked++
    if (isAway) throw new Error('the catalog is away')
    return [status('orders', 1500, 120_000), status('waits', null)]
  }, () => nowMs)
  const metrics = createMetrics('analytics')
  measureFreshness(metrics, freshness)
  const text = await metrics.text()
  t.match(text, 'firn_analytics_model_staleness_seconds{model="orders"} 1.5')
  t.notMatch(text, 'firn_analytics_model_staleness_seconds{model="waits"}')
  t.match(text, 'firn_analytics_model_freshness_goal_seconds{model="orders"} 120')
  t.equal(asked, 1, 'one scrape asks once')
  isAway = true
  nowMs = 60_000
  t.strictSame((await freshness.read()).map(({ staleMs }) => staleMs), [61_500, null])
  isAway = false
  t.strictSame((await freshness.read()).map(({ staleMs }) => staleMs), [1500, null])
})

t.test('tables that do not answer hold up no scrape', async t => {
  const freshness = new ModelFreshness(async () => await new Promise<never>(() => {}))
  t.strictSame(await freshness.read(), [])
})

t.test('models that are too old are one condition, with the worst of them; near its goal nothing changes', async t => {
  const of = (...staleMs: number[]) => staleCondition(staleMs.map((ms, i) => status(`m${i}`, ms)))
  t.match(of(0, 48_000), { finding: 'good', evidence: [] })
  t.match(of(0, 59_000), { finding: 'unknown' })
  t.match(of(1000, 61_000), { finding: 'bad', title: 'The model m1 is older than it may be', evidence: [/^m1 has not seen what its sources have had for 61 s; 60 s are allowed/, /npm run models/] })
  const many = of(...Array.from({ length: 8 }, (_, i) => 61_000 + i * 1000))
  t.match(many, { title: '8 models are older than they may be', evidence: [/^m7 /, /^m6 /, /^m5 /, /^m4 /, /^m3 /, 'and 3 more', /npm run models/] })
  t.match(staleCondition([]), { finding: 'unknown' }, 'nothing is known')
})
