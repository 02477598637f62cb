// One outage under load: steady, away, back, steady again. What is judged is what the clients saw and what the services
// said; the times are printed and judge nothing.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Line } from '../line.ts'
import type { Tally } from '../tally.ts'
import { readLedgers } from '../verify/ledgers.ts'
import type { Broker, Cut } from './broker.ts'
import { countMissing } from './session-order.ts'
import type { SessionLoad } from './sessions.ts'

const steadyMs = 3_000
const lookMs = 250
const caughtUpMsMax = 180_000
const ackMsMax = 180_000

export interface Outage {
  readonly line: Line
  readonly load: SessionLoad
  readonly ledgerFile: string
  readonly broker: Broker
  readonly how: Cut
  readonly seconds: number
  readonly spool: boolean
  readonly tally: Tally
}

export async function playOutage ({ line, load, ledgerFile, broker, how, seconds, spool, tally }: Outage): Promise<void> {
  const what = `Kafka ${how} for ${seconds} s, ${spool ? 'with' : 'without'} spool`
  const pids = pidsOf(line)
  await load.nextAck()
  await sleep(steadyMs)
  load.resetSilence()
  const { acked, retries } = load.counts
  const { refusals, bareRefusals } = load.answers

  await broker.cut(how)
  const cutMs = performance.now()
  const ready = new Map<number, number>()
  while (performance.now() - cutMs < seconds * 1000) {
    const status = await readyzOf(line.gatewayUrl)
    ready.set(status, (ready.get(status) ?? 0) + 1)
    await sleep(lookMs)
  }
  const ackedAway = load.counts.acked - acked
  const spooled = await spoolGauges(line.gatewayUrl)
  const backTookMs = await broker.back(how)
  const backMs = performance.now()
  const acceptedBefore = (await readLedgers([ledgerFile])).acked
  const firstMs = await within(load.nextAck(), ackMsMax)
  tally.check(`${what}: events are accepted again`, firstMs !== null, firstMs === null ? `no 202 within ${ackMsMax} ms` : `the first 202 came ${Math.round(firstMs)} ms after it was back${how === 'killed' ? ` (its start took ${backTookMs} ms)` : ''}`)
  if (firstMs === null) return
  const missing = await untilRows(line, acceptedBefore)
  const { longestMs } = load.silence()
  tally.check(`${what}: what had been accepted are rows`, missing === 0, missing === 0
    ? `all ${acceptedBefore.size} of them ${Math.round(performance.now() - backMs)} ms after it was back`
    : `${missing} of ${acceptedBefore.size} are not, ${caughtUpMsMax} ms after it was back`)
  tally.say(`${what}: ${ackedAway} events accepted while it was away, longest time without a 202 ${Math.round(longestMs)} ms, ${load.counts.retries - retries} retries, ` +
    `${load.answers.refusals - refusals} refused for now; /readyz ${[...ready].map(([status, n]) => `${status} × ${n}`).join(', ')}${spooled === '' ? '' : `; ${spooled}`}`)
  tally.check(`${what}: who is refused is told when to come back`, load.answers.bareRefusals === bareRefusals, `${load.answers.bareRefusals - bareRefusals} refusals without Retry-After`)
  if (spool) tally.check(`${what}: events were accepted while it was away`, ackedAway > 0, `${ackedAway} events`)
  else tally.check(`${what}: /readyz said so while nothing could be accepted`, (ready.get(503) ?? 0) > 0)
  tally.check(`${what}: gateway and writer are the same processes as before`, pidsOf(line) === pids, `pids ${pids} before, ${pidsOf(line)} after`)
}

async function untilRows (line: Line, ids: ReadonlySet<string>): Promise<number> {
  for (const end = Date.now() + caughtUpMsMax; ;) {
    const missing = await countMissing(line, ids)
    if (missing === 0 || Date.now() > end) return missing
    await sleep(lookMs)
  }
}

function pidsOf (line: Line): string {
  return (['gateway', 'writer'] as const).map(name => line.process(name)?.pid ?? 'none').join(', ')
}

/** 0: no answer at all. */
async function readyzOf (url: string): Promise<number> {
  try {
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) })
    await answer.body?.cancel()
    return answer.status
  } catch {
    return 0
  }
}

/** What the gateway's metrics say of its spool, in their own names. */
async function spoolGauges (url: string): Promise<string> {
  try {
    const text = await (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5_000) })).text()
    return text.split('\n').filter(line => line.startsWith('firn_gateway_spool')).join(', ')
  } catch {
    return ''
  }
}

async function within (waiting: Promise<number>, msMax: number): Promise<number | null> {
  return await Promise.race([waiting, sleep(msMax, null, { ref: false })])
}
