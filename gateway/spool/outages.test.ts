// The law of the spool, played with seeds: FIRN_TEST_SEED replays a run.

import t from 'tap'
import { playOutages } from './random-outages.ts'

const given = process.env.FIRN_TEST_SEED
const seeds = given === undefined ? Array.from({ length: 3 }, (_, i) => Date.now() % 1_000_000 + i * 1_000_003) : [Number(given)]
for (const seed of seeds) {
  t.test(`outages, kills and restarts lose nothing and keep each session's order (seed ${seed})`, async t => { await playOutages(t, seed, { roundMs: 400 }) })
}
