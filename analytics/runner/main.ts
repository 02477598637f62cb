// `npm run models`: how each model stands; with --run, brings them up to date. An error is one sentence on stderr and exit
// code 1, also when a single model failed.

import { resolve } from 'node:path'
import { openLake } from '../../catalog/index.ts'
import { complain, endWithReader, exitWhenPrinted, readTime, sentenceOf } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import { readModels } from '../models/catalogue.ts'
import type { Model } from '../models/model-file.ts'
import { openQueryEngine } from '../query/open.ts'
import { loadReferences } from '../reference/load.ts'
import { printTable } from '../sql/print.ts'
import { readModelsConfig, type ModelsConfig } from './config.ts'
import { readStatus, type ModelStatus } from './model-status.ts'
import { agoOf, durationOf } from './print-duration.ts'
import { openRunner, type ModelRun } from './runner.ts'

endWithReader()

try {
  await main()
} catch (error) {
  complain(`models: ${sentenceOf(error)}`)
  process.exitCode = 1
}
await exitWhenPrinted()

async function main (): Promise<void> {
  const config = readModelsConfig()
  const models = await readModels()
  const named = [...config._, ...config.only?.split(',').map(name => name.trim()).filter(name => name !== '') ?? []]
  for (const name of named) if (!models.some(model => model.name === name)) throw fail('MODEL_UNKNOWN', { model: name, known: models.map(({ name }) => name).join(', ') })
  const chosen = named.length === 0 ? models : models.filter(({ name }) => named.includes(name))
  const lake = openLake(config, { dataDir: resolve(config.FIRN_DATA_DIR) })
  if (config.run || config.full || config.dryRun || config.from !== undefined) return await run(config, lake, models, chosen)
  const now = Date.now()
  const all = await readStatus(lake.catalog, models, now, config.FIRN_MODELS_SLOW_SECONDS * 1000)
  await print(['model', 'unit', 'state', 'rows', 'age', 'behind', 'stale', 'last run'], all.filter(({ model }) => chosen.some(({ name }) => name === model)).map(status => [
    status.model,
    status.unit,
    status.state,
    status.rows === null ? '' : status.rows.toLocaleString('en'),
    status.ageMs === null ? '' : durationOf(status.ageMs),
    status.snapshotsBehind === 0 ? '' : `${status.snapshotsBehind} ${status.snapshotsBehind === 1 ? 'snapshot' : 'snapshots'}${status.rowsBehind === null ? '' : `, ${status.rowsBehind.toLocaleString('en')} rows`}`,
    staleOf(status),
    status.last === null ? '' : `${durationOf(status.last.ms)}, ${status.last.rows.toLocaleString('en')} rows, ${agoOf(now - Date.parse(status.last.at))}`
  ]))
}

/** `40 s of 2 min`; only where its rows do not know all. */
function staleOf ({ staleMs, goalMs }: ModelStatus): string {
  return staleMs === null || staleMs === 0 ? '' : `${durationOf(staleMs)} of ${durationOf(goalMs)}${staleMs > goalMs ? ': too old' : ''}`
}

async function run (config: ModelsConfig, lake: ReturnType<typeof openLake>, models: readonly Model[], chosen: readonly Model[]): Promise<void> {
  const from = config.from === undefined ? undefined : timeOf(config.from)
  const say = (line: string): void => { complain(line) }
  if (!config.dryRun) await loadReferences({ ...lake, say })
  const engine = /^duckdb:/.test(config.FIRN_QUERY_URL) ? null : await openQueryEngine(config, () => ({ ...lake, catalogUrl: config.FIRN_CATALOG_URL }))
  const runner = openRunner({ ...lake, engine, models, dataDir: resolve(config.FIRN_DATA_DIR), memoryMiBMax: config.FIRN_MODELS_MEMORY_MIB_MAX })
  const names = chosen.map(({ name }) => name)
  const runs = await runner.cycle({ only: names, dryRun: config.dryRun, ...config.full ? { full: names } : {}, ...from === undefined ? {} : { from } })
  await print(['model', config.dryRun ? 'would be' : 'is', 'rows', 'units', 'files', 'took', 'why'], runs.map(run => [run.model, run.outcome, String(run.rows), String(run.dirtyUnits), filesOf(run), durationOf(run.ms), run.error ?? run.reason]))
  // In full: the table cuts long cells.
  for (const { model, error } of runs) if (error !== undefined) say(`models: ${model}: ${error}`)
  await runner.close()
  await engine?.close()
  if (runs.some(({ outcome }) => outcome === 'failed')) process.exitCode = 1
}

function filesOf ({ outcome, files }: ModelRun): string {
  return outcome !== 'written' || files === undefined ? '' : `${files.removed} → ${files.added}`
}

function timeOf (text: string): Date {
  const time = readTime(text)
  if (time === null) throw fail('MODELS_FROM', { from: text })
  return time
}

async function print (names: readonly string[], rows: readonly (readonly string[])[]): Promise<void> {
  // eslint-disable-next-line no-restricted-syntax -- printTable keeps each cell on its line
  await printTable({ names, types: names.map(name => /^(rows|units)$/.test(name) ? 'BIGINT' : 'VARCHAR'), chunks: (async function * () { yield rows })() }, text => { process.stdout.write(text) }, Number.MAX_SAFE_INTEGER)
}
