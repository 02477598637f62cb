import fc from 'fast-check'
import t from 'tap'
import { inWords, openLakeHere } from '../engine-here.fixture.ts'
import { histories, playHistory } from './incremental-history.ts'

// MODEL_RUNS=200 MODEL_SEED=7 for a longer run; MODEL_SHRINK=1 looks for the shortest history that fails.
const runs = Number(process.env.MODEL_RUNS ?? 2)
const seed = Number(process.env.MODEL_SEED ?? 20260131)
const secondsMax = Math.max(inWords({ duckdb: 30, trino: 280 }), runs * 10)

t.setTimeout(secondsMax * 1000)
t.test('whatever happens in between, each table is what a full recompute on DuckDB gives', { timeout: secondsMax * 1000 }, async t => {
  const outcomes = { written: 0, fresh: 0, failed: 0, partial: 0 }
  await fc.assert(fc.asyncProperty(histories(process.env.MODEL_RUNS === undefined ? 8 : 18), fc.boolean(), async (steps, lazy) => {
    const teardowns: (() => unknown)[] = []
    const lake = await openLakeHere({ teardown: close => { teardowns.unshift(close) } })
    try {
      await playHistory(lake, steps, { lazy, engine: lake.trino }, outcomes)
    } finally {
      for (const close of teardowns) await close()
    }
  }), { numRuns: runs, seed, endOnFailure: process.env.MODEL_SHRINK !== '1' })
  t.comment(JSON.stringify(outcomes))
  t.ok(outcomes.partial > runs, `${outcomes.partial} runs recomputed a part`)
})
