// More than the line can take: hundreds of connections, each sending batches of hundreds of events as soon as the last one is
// answered, and hardly waiting where it is told to. The gateway stays within its memory, sheds early and says so in /readyz,
// and what it accepts lands once: the verifier and the senders' own account say so.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { verify } from '../verify/verify.ts'
import { idOf, type BatchAnswer, type ClientTask } from './batch-client.ts'
import type { Ground } from './ground.ts'
import { forgetPeak, peakBytes, servicesBelow } from './service-memory.ts'

const drainMsMax = 300_000
const mebibyte = 1024 * 1024
/** What the compose file gives the gateway: beyond it the kernel would end it. */
const residentBytesMax = 768 * mebibyte
const residentMibWanted = 512

export interface OverloadOptions {
  readonly connections: number
  readonly seconds: number
}

export async function playOverload (ground: Ground, { connections, seconds }: OverloadOptions): Promise<void> {
  const { line, tally } = ground
  const gateway = servicesBelow(line.pid).find(({ name }) => name === 'gateway')!
  forgetPeak(gateway.pid)
  const stop = new AbortController()
  const watching = watchReadiness(ground, stop.signal)
  const answers = await send({ url: line.gatewayUrl, connections, seconds })
  stop.abort()
  const readiness = await watching
  const peak = peakBytes(gateway.pid)
  const accepted = answers.filter(({ status }) => status === 202)
  const byStatus = Map.groupBy(answers, ({ status }) => status)
  const ms = accepted.map(answer => answer.ms)
  tally.say(`${answers.length} requests of ${connections} connections in ${seconds} s: ${[...byStatus].sort(([a], [b]) => a - b).map(([status, some]) => `${some.length} × ${status === 0 ? 'no answer' : status}`).join(', ')}`)
  tally.say(`${accepted.reduce((sum, { events }) => sum + events, 0)} events accepted; p50 ${at(ms, 0.5)} ms, p99 ${at(ms, 0.99)} ms, longest ${at(ms, 1)} ms (wanted p99: 1000)`)
  tally.check('overloaded, the gateway stays within its memory', peak > 0 && peak <= residentBytesMax, `${Math.round(peak / mebibyte)} MiB at most (bound ${residentBytesMax / mebibyte}, wanted ${residentMibWanted})`)
  tally.check('it accepts some and refuses others with 429 or 503', accepted.length > 0 && [...byStatus.keys()].every(status => [0, 202, 429, 503].includes(status)))
  tally.check('it says that it is overloaded', readiness.no > 0, `/readyz: ${readiness.no} times no, ${readiness.yes} times yes`)
  const ledgerFile = join(line.dataDir, '..', 'overload.ndjson')
  writeFileSync(ledgerFile, answers.filter(({ status }) => status === 202 || status === 0).map(ledgerLine).join(''))
  await seeConserved(ground, ledgerFile)
}

async function send (task: ClientTask): Promise<BatchAnswer[]> {
  const child = fork(join(import.meta.dirname, 'batch-client.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const answered = once(child, 'message')
  const ended = once(child, 'exit').then(([code]) => { throw new Error(`the clients ended early with exit code ${String(code)}`) })
  ended.catch(() => {})
  child.send(task)
  const [answers] = await Promise.race([answered, ended]) as [BatchAnswer[]]
  return answers
}

function ledgerLine ({ request, events, status }: BatchAnswer): string {
  const ids = Array.from({ length: events }, (_, i) => idOf(request, i))
  return JSON.stringify(status === 202 ? { acked: ids } : { unknown: ids }) + '\n'
}

async function watchReadiness ({ line, send }: Ground, signal: AbortSignal): Promise<{ yes: number, no: number }> {
  const counts = { yes: 0, no: 0 }
  while (!signal.aborted) {
    const { status } = await send(line.gatewayUrl, '/readyz')
    if (status === 503) counts.no++
    if (status === 200) counts.yes++
    await sleep(100)
  }
  return counts
}

async function seeConserved ({ line, tally }: Ground, ledgerFile: string): Promise<void> {
  const options = { FIRN_DATA_DIR: line.dataDir, FIRN_CATALOG_URL: line.catalogUrl, FIRN_WAREHOUSE_URL: `file://${join(line.dataDir, 'warehouse')}`, FIRN_LOG_URL: `file://${join(line.dataDir, 'log')}`, FIRN_LOG_TOPICS: ['ecommerce_events'], FIRN_EVENT_AGE_DAYS_MAX: 7 }
  const startedAt = performance.now()
  while ((await verify({ ...options, ledger: [], drained: false })).lag > 0n) {
    if (performance.now() - startedAt > drainMsMax) throw new Error(`the writer had not drained the log after ${drainMsMax} ms`)
    await sleep(1000)
  }
  tally.say(`drained after ${Math.round((performance.now() - startedAt) / 1000)} s`)
  tally.verdict('all that was accepted is there, once', await verify({ ...options, ledger: [ledgerFile], drained: true }))
}

function at (values: readonly number[], quantile: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return Math.round(sorted[Math.min(sorted.length - 1, Math.ceil(quantile * sorted.length) - 1)] ?? NaN)
}
