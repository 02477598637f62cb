// For tests: random outages of the log, kills and restarts of the gateway, and sessions that send on. What was acknowledged is in
// the log in the end, each session in the order of its first 202s.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { LogRecord } from '../../log/index.ts'
import type { StoredRecord } from '../started-gateway.ts'
import { faults } from './faulty-log.ts'
import { recordOf, startSpool, type StartedSpool, type StartSpoolOptions } from './started-spool.ts'

const sessions = 8
const answerMsMax = 30

/** mulberry32 */
function makeRandom (seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A session sends its numbered events one request after the other, the next when the one before was acknowledged. */
async function playSession (started: StartedSpool, name: string, random: () => number, untilMs: number, acknowledged: LogRecord[]): Promise<void> {
  let n = 0
  while (performance.now() < untilMs) {
    const records = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
      const number = n++
      // Some requests carry another session's events too.
      const key = random() < 0.2 ? `${name}-guest` : name
      return recordOf(key, `${key} ${number}`, { headers: { received_at: String(number), source: 'gateway' }, timestampMs: 1_700_000_000_000 + number })
    })
    for (;;) {
      const answer = await Promise.race([
        started.spooling.append(records).then(() => 'acknowledged', () => 'refused'),
        sleep(answerMsMax * 8, 'silence')])
      if (answer === 'acknowledged') break
      await sleep(random() * 10)
    }
    acknowledged.push(...records)
    if (random() < 0.5) await sleep(random() * 4)
  }
}

/** Fails the test when something acknowledged is lost, changed or out of order. */
export async function playOutages (t: Test, seed: number, options: StartSpoolOptions & { readonly roundMs: number }): Promise<void> {
  const { roundMs } = options
  const random = makeRandom(seed)
  const started = await startSpool(t, { answerMsMax, afterMs: 12, handoverRecordsMax: Math.floor(random() * 30), keysMax: random() < 0.3 ? 5 : 1000, bytesMax: random() < 0.3 ? 1024 * 1024 : 64 * 1024 * 1024, random, ...options })
  const untilMs = performance.now() + roundMs
  const acknowledged: LogRecord[] = []
  const playing = Promise.all(Array.from({ length: sessions }, async (_, i) => await playSession(started, `${seed}-s${i}`, makeRandom(seed + i + 1), untilMs, acknowledged)))
  while (performance.now() < untilMs) {
    started.target.fault = random() < 0.35 ? 'none' : faults[Math.floor(random() * faults.length)]!
    await sleep(random() * 40)
    const fate = random()
    if (fate < 0.08) await started.killAndStart()
    else if (fate < 0.12) await started.restart()
  }
  // Sessions end their last request only when the log can be reached again or the spool takes it.
  started.target.fault = 'none'
  await playing
  await started.untilStraight()
  judge(t, seed, acknowledged, await started.landed())
}

function judge (t: Test, seed: number, acknowledged: readonly LogRecord[], landed: readonly StoredRecord[]): void {
  const firstAt = new Map<string, number>()
  for (const [at, { value }] of landed.entries()) if (!firstAt.has(value)) firstAt.set(value, at)
  const lost: string[] = []
  const changed: string[] = []
  const overtaken: string[] = []
  const last = new Map<string, { value: string, at: number }>()
  for (const record of acknowledged) {
    const value = Buffer.from(record.value).toString()
    const at = firstAt.get(value)
    if (at === undefined) {
      lost.push(value)
      continue
    }
    const { key, headers, timestampMs } = landed[at]!
    if (key !== record.key || timestampMs !== record.timestampMs || JSON.stringify(headers) !== JSON.stringify(record.headers)) changed.push(value)
    const before = last.get(record.key)
    if (before !== undefined && before.at > at) overtaken.push(`${value} lies before ${before.value}`)
    last.set(record.key, { value, at })
  }
  t.same({ lost, changed, overtaken }, { lost: [], changed: [], overtaken: [] }, `seed ${seed}: ${acknowledged.length} acknowledged, ${landed.length - firstAt.size} of ${landed.length} landed twice`)
}
