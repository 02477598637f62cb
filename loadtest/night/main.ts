// `npm run test:night`: the night's table. A line as `npm start` runs it, a folder that is put back to its evening before each
// scenario: files are removed, cut and flipped, services killed and frozen, the disk fills, the clock and the folder move.
// Each time the operator reads a sentence of docs/recovery.md, what can go on goes on, the way back that the page or the
// sentence proposes is carried out, and every acknowledged event is a row, once. Ends with `N passed, N failed`.

import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sentenceOf } from '../../runtime/index.ts'
import { createTally } from '../tally.ts'
import { readAdvice } from './advice.ts'
import { readNightConfig } from './config.ts'
import { filesOfTheLog } from './log-scenarios.ts'
import { machine } from './machine-scenarios.ts'
import { NightLine } from './night-line.ts'
import { processes } from './process-scenarios.ts'
import type { Scenario } from './scenario.ts'
import { filesOfTables } from './table-scenarios.ts'

const config = readNightConfig()
const scenarios = [...machine, ...processes, ...filesOfTables, ...filesOfTheLog].filter(({ name, short }) => (!config.short || short === true) && name.includes(config.only))
const tally = createTally()
const began = performance.now()
const root = mkdtempSync(join(tmpdir(), 'firn-night-'))
const seconds = (): number => Math.round((performance.now() - began) / 1000)

/** Much of a night is waiting: two lines have it at once. */
const lanes = 2
const waiting = [...scenarios]
// Another user has to find the way to a folder in it.
chmodSync(root, 0o711)
const advice = readAdvice()

async function playLane (lane: number): Promise<void> {
  let line: NightLine | undefined
  try {
    line = await NightLine.prepare(join(root, `lane-${lane}`))
    tally.say(`a line with an evening's events, ${seconds()} s`)
    for (let scenario = waiting.shift(); scenario !== undefined; scenario = waiting.shift()) await playOne(line, scenario)
  } catch (error) {
    tally.check('the run came to its end', false, error instanceof Error ? error.message : sentenceOf(error))
  } finally {
    await line?.end()
  }
}

async function playOne (line: NightLine, { name, play }: Scenario): Promise<void> {
  const beganAt = seconds()
  line.begin(name)
  try {
    await play({ line, tally, advice })
  } catch (error) {
    tally.check(name, false, error instanceof Error ? error.message : sentenceOf(error))
  }
  await line.stop()
  tally.say(`${name}: ${seconds() - beganAt} s`)
}

await Promise.all(Array.from({ length: Math.min(lanes, scenarios.length) }, (_, lane) => playLane(lane)))
if (tally.failed === 0 && !config.keep) rmSync(root, { recursive: true, force: true })
else tally.say(`data and what the services said: ${root}`)
tally.say(`${seconds()} s, ${scenarios.length} scenarios`)
console.log(tally.end())
process.exit(tally.failed === 0 ? 0 : 1)
