// One refusal as data, and how it is judged: one clear sentence of the right code, no crash loop, the way on when the cause
// is mended, and in the end every record a row.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { catalogErrors } from '../../catalog/errors.ts'
import { gatewayErrors } from '../../gateway/errors.ts'
import { logErrors } from '../../log/index.ts'
import { writerErrors } from '../../writer/errors.ts'
import type { Tally } from '../tally.ts'
import { countRows, type Ground, type Settings } from './ground.ts'
import { judgeSaid, patternOf, type Judgement } from './sentences.ts'
import { watchService, type Program, type Watched } from './watched.ts'

export interface Prepared {
  /** What the service is started with. */
  readonly settings: Settings
  /** What it can be started with instead, when waiting would not help. Left out: as `settings`. */
  readonly rightSettings?: Settings
  /** Takes the cause away while the service runs. */
  readonly mend?: () => Promise<void>
  /** How many rows there have to be in the end, and whom to ask; the gateway is asked for a 202 instead. */
  readonly rows?: { readonly count: number, readonly settings: Settings }
  readonly close?: () => Promise<void>
}

export interface Refusal {
  readonly name: string
  readonly program: Program
  /** Any of these sentences is the right one; empty: nothing may be said at all. */
  readonly codes: readonly string[]
  /** ends: it says why and is not started again; waits: it goes on by itself when the cause is mended. */
  readonly then: 'ends' | 'waits'
  /** Sentences of clients that may stand beside it. */
  readonly allowed?: readonly RegExp[]
  prepare(ground: Ground, dataDir: string): Promise<Prepared>
}

const registry = { ...catalogErrors, ...logErrors, ...gatewayErrors, ...writerErrors }
const saysMsMax = 60_000
const watchMs = 5_000
const goesOnMsMax = 60_000
/** While it waits it may say why again, not all the time. */
const timesMax = 30

export async function judgeRefusal (refusal: Refusal, ground: Ground, tally: Tally): Promise<void> {
  const { name, program, codes } = refusal
  const dataDir = join(ground.dir, name.replaceAll(/[^a-z0-9]+/gi, '-'))
  const prepared = await refusal.prepare(ground, dataDir)
  const watched = await watchService({ program, dataDir, settings: prepared.settings })
  try {
    const pattern = patternOf(registry, codes)
    const judge = (): Judgement => judgeSaid(watched.said(), pattern, refusal.allowed ?? [])
    await watched.until(() => watched.givenUp !== null || judge().times > 0, saysMsMax)
    await sleep(watchMs)
    const { times, others, noise } = judge()
    const wrong = [...others.map(text => `it also said "${short(text)}"`), ...noise.map(line => `no sentence: "${short(line)}"`)]
    tally.check(`${name}: one sentence says why (${codes.join(' or ')})`, times > 0 && wrong.length === 0, times > 0 && wrong.length === 0 ? short(watched.said().find(({ text }) => pattern.test(text))?.text ?? '') : [...times === 0 ? ['it was not said'] : [], ...wrong].join('; '))
    if (refusal.then === 'ends') tally.check(`${name}: it ends and is not tried again and again`, watched.givenUp !== null && watched.restarts === 0, `${watched.restarts} restarts${watched.givenUp === null ? ', and it still runs' : ''}`)
    else await judgeWaiting(name, watched, pattern, times, tally)
    if (prepared.mend !== undefined) {
      await prepared.mend()
      if (refusal.then === 'waits') {
        await judgeGoingOn(name, watched, tally)
        await judgeEnd(name, prepared, dataDir, watched, tally)
        return
      }
    }
  } finally {
    await watched.close()
    if (prepared.mend !== undefined && refusal.then === 'waits') await prepared.close?.()
  }
  const again = await watchService({ program, dataDir: `${dataDir}-again`, settings: { ...prepared.rightSettings ?? prepared.settings, FIRN_DATA_DIR: dataDir } })
  try {
    await judgeEnd(name, prepared, dataDir, again, tally)
  } finally {
    await again.close()
    await prepared.close?.()
  }
}

async function judgeWaiting (name: string, watched: Watched, pattern: RegExp, times: number, tally: Tally): Promise<void> {
  tally.check(`${name}: it waits without ending, and says so no more often than needed`, watched.givenUp === null && watched.restarts === 0 && times <= timesMax, `${watched.restarts} restarts, said ${times} times${watched.givenUp === null ? '' : `, given up: ${short(watched.givenUp)}`}`)
  const { status, reason } = await watched.ready()
  tally.check(`${name}: /readyz gives the reason`, status === 503 && pattern.test(reason.replaceAll('\\"', '"')), `${status} ${short(reason)}`)
}

async function judgeGoingOn (name: string, watched: Watched, tally: Tally): Promise<void> {
  const startedMs = performance.now()
  const isReady = await watched.until(async () => (await watched.ready()).status === 200, goesOnMsMax)
  tally.check(`${name}: it goes on by itself when that is mended`, isReady && watched.restarts === 0, isReady ? `ready after ${Math.round(performance.now() - startedMs)} ms, ${watched.restarts} restarts` : `not ready after ${goesOnMsMax} ms: ${short((await watched.ready()).reason)}`)
}

/** With the cause gone everything is there: by the process that waited, or by one with the right settings. */
async function judgeEnd (name: string, { rows }: Prepared, dataDir: string, watched: Watched, tally: Tally): Promise<void> {
  if (rows === undefined) {
    const isReady = await watched.until(async () => watched.givenUp !== null || (await watched.ready()).status === 200, goesOnMsMax)
    tally.check(`${name}: with that mended it takes events`, isReady && watched.givenUp === null && await accepts(watched.url), watched.givenUp ?? (await watched.ready()).reason)
    return
  }
  let found = 0
  const all = await watched.until(async () => {
    found = await countRows(rows.settings, dataDir).catch(() => -1)
    return found >= rows.count || watched.givenUp !== null
  }, goesOnMsMax)
  tally.check(`${name}: nothing is lost`, all && found === rows.count, `${found} of ${rows.count} records are rows${watched.givenUp === null ? '' : `; ${short(watched.givenUp)}`}`)
}

async function accepts (url: string): Promise<boolean> {
  const event = { event_id: `after-${Date.now()}`, event_type: 'page_view', timestamp: new Date().toISOString(), session_id: 's-1' }
  const answer = await fetch(`${url}/v1/events`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(event) })
  await answer.body?.cancel()
  return answer.status === 202
}

function short (text: string): string {
  return text.length > 400 ? `${text.slice(0, 400)}…` : text
}
