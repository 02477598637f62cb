// `npm run daily:stream`: everything that the topics hold at its start becomes rows. Where a writer answers, its progress is
// watched until it has passed that point; where none does, the writer is run with --until-end. Either way the table's own
// record of what it took is compared with the log's ends, so an exit code of 0 means rows, not hope.

import { spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openLake, type Catalog } from '../../catalog/index.ts'
import { openLogFrom, topicsToRead } from '../../log/index.ts'
import { complain, exitWhenPrinted, sentenceOf, settingsOfAll, show } from '../../runtime/index.ts'
import { writerSettings } from '../../writer/config.ts'
import { hostToReach } from '../local/services.ts'
import { readTopicConfig, type TopicConfig } from './config.ts'
import { endsOf, lagBelow, type PartitionEnd } from './topic-state.ts'

const answerMsMax = 3000
const lookEveryMs = 500
const projectDir = resolve(import.meta.dirname, '../..')

try {
  show(await main())
} catch (error) {
  complain(`daily:stream: ${sentenceOf(error)}`)
  process.exitCode = 1
}
await exitWhenPrinted()

async function main (): Promise<string> {
  const config = readTopicConfig('daily:stream')
  const log = await openLogFrom(config.FIRN_LOG_URL, config, sentence => { complain(sentence) })
  const ends = await topicsToRead(log, config).then(async topics => await endsOf(log, topics)).finally(() => log.close())
  const { catalog } = openLake(config, { dataDir: resolve(config.FIRN_DATA_DIR) })
  const url = `http://${hostToReach(config.FIRN_WRITER_HOST)}:${config.FIRN_WRITER_PORT}`
  const state = await stateOf(url)
  if (state === 'away') {
    show(`no writer answers at ${url}: it is run to the end of the log`)
    await runWriter()
    const left = await lagBelow(ends, catalog)
    if (left > 0n) throw new Error(`the writer ended, but ${left} records are no rows: look into what it printed above`)
    return 'everything that the log held is rows: the writer was run to its end'
  }
  if (state !== 'ready') throw new Error(`the writer at ${url} runs and is not ready: ${state}`)
  await untilTaken(ends, catalog, config, url)
  return `everything that the log held is rows: the writer at ${url} has taken it`
}

/** 'ready', 'away', or what it says of itself. */
async function stateOf (url: string): Promise<string> {
  try {
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(answerMsMax) })
    const body = await answer.json() as { status?: string, message?: string }
    return answer.ok && body.status === 'ready' ? 'ready' : body.message ?? `it answers ${answer.status}`
  } catch (error) {
    const { code } = (error as { cause?: { code?: string } }).cause ?? {}
    return code === 'ECONNREFUSED' ? 'away' : `it does not answer (${sentenceOf(error)})`
  }
}

async function untilTaken (ends: readonly PartitionEnd[], catalog: Catalog, config: TopicConfig, url: string): Promise<void> {
  const msMax = config.FIRN_JOBS_STILL_SECONDS_MAX * 1000
  let [least, movedMs] = [null as bigint | null, performance.now()]
  for (;;) {
    const lag = await lagBelow(ends, catalog)
    if (lag === 0n) return
    if (least === null || lag < least) [least, movedMs] = [lag, performance.now()]
    if (performance.now() - movedMs > msMax) throw new Error(`the writer at ${url} has stood still for ${config.FIRN_JOBS_STILL_SECONDS_MAX} s with ${lag} records that are no rows: ${await stateOf(url)}`)
    await sleep(lookEveryMs)
  }
}

/** With its own settings and nobody else's: it is strict about what it does not know. */
async function runWriter (): Promise<void> {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_') || name in writerSettings.properties || name in settingsOfAll)
  const child = spawn(process.execPath, [join(projectDir, 'writer/main.ts'), '--until-end'], { cwd: projectDir, env: Object.fromEntries(own), stdio: ['ignore', 'inherit', 'inherit'] })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => { child.kill(signal) })
  const code = await new Promise<number | string>((resolve, reject) => { child.once('error', reject).once('close', (code, signal) => { resolve(code ?? signal ?? 1) }) })
  if (code !== 0) throw new Error(`the writer ended with ${code}: its last words stand above`)
}
