import t from 'tap'
import { readModels } from './catalogue.ts'
import { freshnessGoals } from './freshness.ts'
import { parseModel, type Model } from './model-file.ts'

const model = (name: string, reads: string, unit: string, more = ''): Model => parseModel(name, `-- Question: ?\n-- Owner: t\n-- Reads: ${reads} by at\n-- Unit: ${unit}\n-- Time: at\n-- Key: at\n${more}-- Columns:\n--   at timestamptz A.\nselect x.at from ${reads.replace(/\(.*/, '')} x`)
const goals = (models: readonly Model[], slowMs?: number): Record<string, number> => Object.fromEntries([...freshnessGoals(models, slowMs)].map(([name, ms]) => [name, ms / 1000]))

t.test('a model has the goal of its header or of its kind, and none is fresher than what it reads', async t => {
  const models = [
    model('quick', 'firn.events(a)', 'hour'), model('slow', 'firn.events(a)', 'day'), model('told', 'firn.events(a)', 'day', '-- Freshness: 90 seconds\n'),
    model('on_slow', 'analytics.slow', 'hour'), model('on_told', 'analytics.told', 'hour'), model('lazy', 'analytics.told', 'day', '-- Freshness: 1 hour\n')
  ]
  t.strictSame(goals(models), { quick: 60, slow: 300, told: 90, on_slow: 300, on_told: 90, lazy: 3600 })
  t.strictSame(goals(models, 120_000), { quick: 60, slow: 300, told: 240, on_slow: 300, on_told: 240, lazy: 3600 }, 'what waits for two minutes cannot be fresher than four')
})

t.test('a header that promises more than its sources is refused with both', async t => {
  const models = [model('slow', 'firn.events(a)', 'day', '-- Freshness: 10 minutes\n'), model('proud', 'analytics.slow', 'hour', '-- Freshness: 1 minute\n')]
  t.throws(() => freshnessGoals(models), { code: 'MODEL_INVALID', message: /model proud .*its freshness is 60 s, but it reads slow, whose freshness is 600 s/ })
  t.throws(() => model('never', 'firn.events(a)', 'hour', '-- Freshness: 0 seconds\n'), { code: 'MODEL_INVALID', message: /freshness of nothing/ })
})

t.test('each model of ours has one, and a goal changes no digest: nothing is computed anew for it', async t => {
  const models = await readModels()
  t.equal(freshnessGoals(models).size, models.length)
  t.equal(model('a', 'firn.events(a)', 'hour', '-- Freshness: 2 hours\n').digest, model('a', 'firn.events(a)', 'hour').digest)
})
