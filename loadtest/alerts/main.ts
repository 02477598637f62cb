// `npm run test:alerts`: alerts land while the process that sends them is killed with −9 again and again, and the mail server
// is slow, cuts and goes away at times. At the end every alert is one Message-ID, and what came twice came with the same
// Message-ID, at most once a kill (and once a cut of the server). Ends with `N passed, N failed`.

import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readAlertsTestConfig } from './config.ts'
import { startMailSink } from './mail-sink.ts'

const killMsMin = 30
const killMsMax = 700
const startMsMax = 15_000
const endMsMax = 60_000

const config = readAlertsTestConfig()
const dataDir = mkdtempSync(join(tmpdir(), 'firn-alerts-kill-'))
const listFile = join(dataDir, 'orders')
writeFileSync(listFile, '')
const random = randomFrom(config.seed)
const sink = await startMailSink(random)
let [passed, failed] = [0, 0]
const check = (sentence: string, ok: boolean, detail: string): void => {
  if (ok) passed++
  else failed++
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${sentence}: ${detail}`)
}

let listed = 0
const list = (count: number): void => {
  const orders = Array.from({ length: Math.max(0, Math.min(count, config.alerts - listed)) }, () => `o-${String(++listed)}\n`)
  appendFileSync(listFile, orders.join(''))
}

let inMail = 0
const began = performance.now()
for (let round = 1; round <= config.rounds; round++) {
  list(Math.ceil(config.alerts / config.rounds))
  const child = await start()
  // Half of the kills wait for a mail to be on its way, the other half fall anywhere.
  if (random() < 0.5) await Promise.race([sink.nextMail(), sleep(killMsMax)])
  else await sleep(killMsMin + random() * (killMsMax - killMsMin))
  const died = once(child, 'exit')
  child.kill('SIGKILL')
  if (sink.open() > 0) inMail++
  await died
  console.log(`round ${round}: killed; ${sink.messageIds().size} of ${listed} alerts told, ${sink.received() - sink.messageIds().size} repeats`)
}
list(config.alerts)
const child = await start()
const exited = once(child, 'exit') as Promise<[number | null]>
const timer = setTimeout(() => { child.kill('SIGKILL') }, endMsMax)
child.send('end')
const [code] = await exited
clearTimeout(timer)
await sink.close()

const ids = sink.messageIds()
const repeats = sink.received() - ids.size
check('the last process told what waited and ended', code === 0, `exit code ${String(code)} after ${((performance.now() - began) / 1000).toFixed(1)} s`)
check('every alert is one Message-ID', ids.size === config.alerts && sink.subjects().size === config.alerts, `${ids.size} Message-IDs, ${sink.subjects().size} subjects, ${config.alerts} alerts`)
check('repeats are at most one a kill, and one a cut of the server', repeats <= config.rounds + sink.cuts(), `${repeats} repeats, ${config.rounds} kills (${inMail} with a mail on its way), ${sink.cuts()} cuts after a mail was taken`)
check('each Message-ID belongs to one subject only', [...ids.values()].every(subjects => subjects.size === 1), `${[...ids.values()].filter(subjects => subjects.size > 1).length} with more`)
if (failed === 0 && !config.keep) rmSync(dataDir, { recursive: true, force: true })
else console.log(`the ledger: ${dataDir}`)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

async function start (): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, 'sender.ts'), [dataDir, sink.url, listFile], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const ready = once(child, 'message', { signal: AbortSignal.timeout(startMsMax) })
  await Promise.race([ready, once(child, 'exit').then(([code]) => { throw new Error(`the sender ended with exit code ${String(code)} before it was ready`) })])
  return child
}

/** A small seeded generator (mulberry32). */
function randomFrom (seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
