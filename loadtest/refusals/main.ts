// `npm run test:refusals`: what gateway and writer do when a part refuses them: one clear sentence, no crash loop, the way
// on when it is mended, nothing lost. Each case runs the real service under the real supervisor against the real part.
// Ends with `N passed, N failed`.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sentenceOf } from '../../runtime/index.ts'
import { createTally } from '../tally.ts'
import { readRefusalsConfig } from './config.ts'
import { openGround } from './ground.ts'
import { kafkaCases } from './kafka-cases.ts'
import { lakeCases } from './lake-cases.ts'
import { judgeRefusal } from './refusal.ts'
import { judgeExpiringTokens } from './tokens.ts'

const config = readRefusalsConfig()
const tally = createTally()
const began = performance.now()
const folder = mkdtempSync(join(tmpdir(), 'firn-refusals-'))
const ground = openGround(folder)
const wanted = (name: string): boolean => name.includes(config.only)
try {
  for (const refusal of [...lakeCases, ...kafkaCases]) {
    if (!wanted(refusal.name)) continue
    try {
      await judgeRefusal(refusal, ground, tally)
    } catch (error) {
      tally.check(`${refusal.name}: the case came to its end`, false, sentenceOf(error))
    }
  }
  for (const name of ['writer, tokens that run out and are renewed', 'writer, a token that runs out'] as const) {
    if (!wanted(name)) continue
    try {
      await judgeExpiringTokens(name, ground, tally)
    } catch (error) {
      tally.check(`${name}: the case came to its end`, false, sentenceOf(error))
    }
  }
} finally {
  await ground.stop()
}
if (tally.failed === 0 && !config.keep) rmSync(folder, { recursive: true, force: true })
else tally.say(`data and what the services said: ${folder}`)
tally.say(`${Math.round((performance.now() - began) / 1000)} s`)
console.log(tally.end())
process.exit(tally.failed === 0 ? 0 : 1)
