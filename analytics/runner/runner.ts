// Runs the models: rules first, then the others, each after what it reads. One model that fails stops no other; it is tried
// again after a pause that grows. Tables are loaded once a cycle, so all models of a cycle see the same snapshots.

import { join } from 'node:path'
import { deleteExpiredFiles, resumeCleanup, type Catalog, type LoadedTable, type Storage } from '../../catalog/index.ts'
import { sentenceOf } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import { freshnessGoals, isQuick } from '../models/freshness.ts'
import type { Model } from '../models/model-file.ts'
import type { QueryEngine } from '../query/engine.ts'
import { openDatabase } from './database.ts'
import { readState } from './model-state.ts'
import { loadTables, namesOf, statusOfAll, type ModelStatus } from './model-status.ts'
import { tableNameOf } from './model-table.ts'
import { PinnedTables } from './pinned-tables.ts'
import { runModel, type RunParts, type RunResult } from './run-model.ts'

export interface RunnerOptions {
  readonly catalog: Catalog
  readonly storage: Storage
  /** Trino, which then answers the SELECTs; null: DuckDB in this process. */
  readonly engine: QueryEngine | null
  /** Each after those that it reads. */
  readonly models: readonly Model[]
  readonly dataDir: string
  readonly say?: (line: string) => void
  readonly memoryMiBMax?: number
  /** How often models of a day, a key or the whole run at most. */
  readonly slowMs?: number
  /** How often progress without changed rows is written down at most. */
  readonly progressMs?: number
  readonly clock?: () => number
}

export interface CycleOptions {
  /** Computed whole from the sources as they are, their tables made anew where they no longer fit. */
  readonly full?: readonly string[]
  /** Units from this time on are recomputed as well. */
  readonly from?: Date
  /** These models alone, whether they are due or not. */
  readonly only?: readonly string[]
  /** Whether the slow models run; without it the runner's own clock decides. */
  readonly minute?: boolean
  /** Asked before each slow model but the first of a cycle: true leaves the rest of them to the next cycle. */
  readonly giveWay?: () => Promise<boolean>
  /** Everything but writing: `written` then means that it would be. */
  readonly dryRun?: boolean
}

export interface ModelRun {
  readonly model: string
  readonly outcome: 'fresh' | 'written' | 'failed'
  /** Written, with those that stood beside them in the same files. */
  readonly rows: number
  readonly dirtyUnits: number
  readonly ms: number
  readonly cpuMs: number
  /** What was new, or why everything was computed. */
  readonly reason: string
  readonly snapshotId: bigint | null
  /** Of its table: how many went for how many new ones. */
  readonly files?: { readonly removed: number, readonly added: number }
  readonly error?: string
}

export interface Runner {
  /** How each model stands, with what this process knows beyond the tables. Throws when the catalog cannot be asked. */
  status(): Promise<ModelStatus[]>
  /** Never throws for what a single model does. Throws when the catalog cannot be asked. One cycle at a time. */
  cycle(options?: CycleOptions): Promise<ModelRun[]>
  close(): Promise<void>
}

const memoryMiBDefault = 1024
const slowMsDefault = 60_000
const progressMsDefault = 60_000
const pauseMsMin = 5_000
const pauseMsMax = 300_000
const attemptsOnConflict = 4

interface Failure { readonly count: number, readonly until: number, readonly error: string }

export function openRunner (options: RunnerOptions): Runner {
  const { catalog, storage, models, say = () => {}, slowMs = slowMsDefault, clock = Date.now } = options
  const database = openDatabase({ memoryMiBMax: options.memoryMiBMax ?? memoryMiBDefault, tempDir: join(options.dataDir, 'runner') })
  const tables = new PinnedTables(catalog, storage, database)
  const names = new Map(models.map(model => [tableNameOf(model), model]))
  const ordered = rulesFirst(models)
  const goals = freshnessGoals(models, slowMs)
  const parts: RunParts = {
    catalog,
    storage,
    database,
    tables,
    engine: options.engine,
    clock,
    progressMs: options.progressMs ?? progressMsDefault,
    timeOf: table => names.get(table)?.time ?? null,
    namedBy: table => models.flatMap(model => tables.get(tableNameOf(model))?.state?.sources.get(table)?.snapshotId ?? [])
  }
  const failures = new Map<string, Failure>()
  const lastRuns = new Map<string, number>()
  const cleaned = new Map<string, LoadedTable>()
  const resumed = new Set<string>()
  let looked = -Infinity
  let running = false

  const runOne = async (model: Model, { full = [], from, dryRun = false }: CycleOptions): Promise<RunResult> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await runModel(parts, model, { full: full.includes(model.name), from: from ?? null, dryRun })
      } catch (error) {
        tables.forget(tableNameOf(model))
        if ((error as { code?: string }).code !== 'MODEL_CONFLICT' || attempt >= attemptsOnConflict) throw error
        // Whoever was faster may have seen newer sources as well.
        await tables.load([tableNameOf(model), ...model.reads.map(({ table }) => table)], () => true)
      }
    }
  }

  const attempt = async (model: Model, options: CycleOptions): Promise<ModelRun> => {
    const [began, cpu] = [performance.now(), process.cpuUsage()]
    const cost = (): { ms: number, cpuMs: number } => {
      const { user, system } = process.cpuUsage(cpu)
      return { ms: Math.round(performance.now() - began), cpuMs: Math.round((user + system) / 1000) }
    }
    try {
      const result = await runOne(model, options)
      failures.delete(model.name)
      if (result.outcome === 'written' && options.dryRun !== true) say(`model ${model.name}: ${result.rows} rows written (${result.reason})`)
      return { model: model.name, ...result, ...cost() }
    } catch (error) {
      const count = (failures.get(model.name)?.count ?? 0) + 1
      const sentence = sentenceOf(error)
      failures.set(model.name, { count, until: clock() + Math.min(pauseMsMax, pauseMsMin * 2 ** (count - 1)), error: sentence })
      say(`model ${model.name} failed: ${sentence}`)
      return { model: model.name, outcome: 'failed', rows: 0, dirtyUnits: 0, reason: 'it failed', snapshotId: null, error: sentence, ...cost() }
    }
  }

  const isDue = (model: Model, { only, full, minute }: CycleOptions): boolean => {
    if (only !== undefined) return only.includes(model.name)
    if (full?.includes(model.name) === true) return true
    if ((failures.get(model.name)?.until ?? 0) > clock()) return false
    if (isQuick(model)) return true
    return minute ?? clock() - (lastRuns.get(model.name) ?? -Infinity) >= slowMs
  }

  const tidy = async (): Promise<void> => {
    for (const name of names.keys()) {
      const table = tables.get(name)?.table
      if (table === undefined) continue
      const before = cleaned.get(name)
      cleaned.set(name, table)
      if (before === undefined || before.metadataLocation === table.metadataLocation) continue
      // Not in the first round: a command that comes and goes leaves it to the service.
      const done = resumed.has(name) ? deleteExpiredFiles(storage, before, table, { onlyOwn: true }) : resumeCleanup(storage, table)
      await done.then(() => resumed.add(name)).catch(() => undefined)
    }
  }

  const cycle = async (given: CycleOptions): Promise<ModelRun[]> => {
    for (const name of [...given.only ?? [], ...given.full ?? []]) if (!models.some(model => model.name === name)) throw fail('MODEL_UNKNOWN', { model: name, known: models.map(model => model.name).join(', ') })
    const now = clock()
    const waited = ({ name }: Model): number => (now - (lastRuns.get(name) ?? -Infinity)) / goals.get(name)!
    const due = longestWaitingFirst(ordered.filter(model => isDue(model, given)), given.giveWay === undefined ? () => 0 : waited)
    if (due.length === 0) return []
    // Models' tables are written by us: they are looked at anew now and then, in case somebody else did.
    const all = clock() - looked >= slowMs || given.only !== undefined || given.full !== undefined
    if (all) looked = clock()
    await tables.load([...new Set([...due.flatMap(model => model.reads.map(({ table }) => table)), ...names.keys()])], name => all || !names.has(name))
    const runs: ModelRun[] = []
    let slowRuns = 0
    for (const model of due) {
      if (!isQuick(model) && slowRuns++ > 0 && await given.giveWay?.() === true) break
      lastRuns.set(model.name, clock())
      runs.push(await attempt(model, given))
    }
    if (all && given.dryRun !== true) await tidy()
    return runs
  }

  return {
    async status () {
      const own = new Map([...names.keys()].map(name => [name, tables.get(name)]))
      const missing = namesOf(models).filter(name => (own.get(name) ?? null) === null)
      const found = new Map([...await loadTables(catalog, missing), ...[...own].flatMap(([name, pinned]) => pinned === null || pinned === undefined ? [] : [[name, pinned.table] as const])])
      return statusOfAll({ models, tables: found, slowMs, nowMs: clock(), stateOf: name => own.get(name)?.state ?? readState(found.get(name) ?? null) })
    },
    async cycle (given = {}) {
      if (running) throw new Error('one cycle at a time')
      running = true
      try {
        return await cycle(given)
      } finally {
        running = false
      }
    },
    async close () { await database.close() }
  }
}

/**
 * Slow models by how long they have waited for their turn, measured by how fresh each has to be, at the places that slow models have:
 * a cycle that always gave way after the first few would otherwise never come to the others. Of those that ran in one cycle
 * and have to be as fresh the order stays, and what others read is never to be less fresh than these.
 */
function longestWaitingFirst (models: readonly Model[], waited: (model: Model) => number): Model[] {
  const waiting = models.filter(model => !isQuick(model)).sort((a, b) => waited(b) === waited(a) ? 0 : waited(b) - waited(a))[Symbol.iterator]()
  return models.map(model => isQuick(model) ? model : waiting.next().value!)
}

/** Rules that need no model that is not a rule come first; otherwise the order stays. */
export function rulesFirst (models: readonly Model[]): Model[] {
  const names = new Map(models.map(model => [tableNameOf(model), model]))
  const early = new Set<Model>()
  for (const model of models) {
    if (model.kind === 'rule' && model.reads.every(({ table }) => names.get(table) === undefined || early.has(names.get(table)!))) early.add(model)
  }
  return [...early, ...models.filter(model => !early.has(model))]
}
