// The life of the two commands: signals end a run after its current batch, an error is one sentence, the exit code tells.
// 0 everything landed · 1 stopped on an error, run again · 2 finished, but lines were rejected (they are in the reports).

import { resolve } from 'node:path'
import type { TObject } from 'typebox'
import { complain, readConfig, sentenceOf, settingsOf, show } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import { listInputs } from './input-files.ts'
import { showProgress, summaryLines } from './progress-line.ts'
import { runFiles } from './run.ts'
import { importSettings, ingestSettings } from './settings.ts'

export async function ingestCommand (): Promise<void> {
  await endWith('ingest', async (signal, say) => {
    const config = readConfig('ingest', ingestSettings, { env: ownOf(ingestSettings) })
    const [folder, ...more] = config._ ?? []
    if (folder === undefined || more.length > 0) throw fail('INGEST_USAGE', { usage: 'npm run ingest -- DIR [--watch]' })
    if (config.watch) say(`watching ${folder}, Ctrl+C ends`)
    return await runFiles({
      source: 'ingest', config, signal, say, line: showProgress(process.stderr),
      listFiles: async () => await listInputs(folder),
      watchMs: config.watch ? config.FIRN_INGEST_WATCH_MS : null
    })
  })
}

export async function importCommand (): Promise<void> {
  await endWith('import', async (signal, say) => {
    const config = readConfig('import', importSettings, { env: ownOf(importSettings) })
    const files = config._ ?? []
    if (files.length === 0) throw fail('INGEST_USAGE', { usage: 'npm run import -- FILE…' })
    return await runFiles({
      source: 'import', config, signal, say, line: showProgress(process.stderr),
      listFiles: async () => files.map(file => resolve(file)),
      watchMs: null
    })
  })
}

async function endWith (name: string, run: (signal: AbortSignal, say: (sentence: string) => void) => ReturnType<typeof runFiles>): Promise<void> {
  const controller = new AbortController()
  const say = (sentence: string): void => { complain(`${name}: ${sentence}`) }
  const stop = (): void => { controller.abort() }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  try {
    const { delivered, unchanged, failed } = await run(controller.signal, say)
    show(summaryLines(delivered, unchanged))
    const rejected = delivered.some(file => file.rejected > 0)
    if (rejected) say('rejected lines are in the files named <input>.rejected.ndjson')
    process.exitCode = failed > 0 ? 1 : rejected ? 2 : 0
  } catch (error) {
    say(sentenceOf(error))
    process.exitCode = 1
  }
}

/** The environment without the settings of other processes: who set up the whole line in his shell can still run a command. */
function ownOf (schema: TObject): NodeJS.ProcessEnv {
  const own = settingsOf(schema)
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_') || name in own))
}
