// The seam to what runs a statement for the service: frames out, and the snapshots that they come from. DuckDB runs in worker
// processes that are kept warm, Trino on its servers (trino-runner.ts).

import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { planViews, type KnownTables, type LakeTables } from '../query/duckdb-views.ts'
import type { AsOf } from '../query/engine.ts'
import type { QueryServiceConfig } from './config.ts'
import type { Format } from './formats/format.ts'
import { StatementProcess } from './statement-process.ts'
import type { Frame } from './worker/frames.ts'
import type { AnswerShape, SandboxLimits } from './worker/protocol.ts'

export interface Statement {
  readonly queryId: string
  readonly sql: string
  readonly asOf: AsOf | undefined
  readonly format: Format
}

export interface StartedStatement {
  /** By table, of those that the statement names. */
  readonly snapshots: Readonly<Record<string, string>>
  /** Returning early ends the statement. */
  readonly frames: AsyncGenerator<Exclude<Frame, { kind: 'plan' }>>
}

export interface StatementRunner {
  /** `signal` ends the statement, whatever it is doing; its frames then end in a failure. */
  start(statement: Statement, signal: AbortSignal): Promise<StartedStatement>
  close(): Promise<void>
}

/** A process that ends sooner cannot start here, and another one could not either. */
const livedMsMin = 1_000

/** What a process takes beside what DuckDB counts. */
const processMiB = 512

export function shapeOf ({ queryId, format }: Statement, config: QueryServiceConfig, snapshots: AnswerShape['snapshots']): AnswerShape {
  return { format, queryId, snapshots, rowsMax: config.FIRN_QUERY_ROWS_MAX, bytesMax: config.FIRN_QUERY_BYTES_MAX }
}

/** `spillDir` is emptied: nobody else may use it. */
export async function openDuckdbRunner (lake: LakeTables, config: QueryServiceConfig, spillDir: string, known: KnownTables): Promise<StatementRunner> {
  await rm(spillDir, { recursive: true, force: true })
  await mkdir(spillDir, { recursive: true, mode: 0o700 })
  const processes = new Set<StatementProcess>()
  const idle: StatementProcess[] = []
  let started = 0
  let isClosing = false
  const spawn = (): StatementProcess => {
    const limits: SandboxLimits = {
      memoryMiBMax: config.FIRN_QUERY_MEMORY_MIB_MAX,
      spillMiBMax: config.FIRN_QUERY_SPILL_MIB_MAX,
      threadsMax: config.FIRN_QUERY_THREADS_MAX,
      spillDir: join(spillDir, String(started++)),
      processMiBMax: config.FIRN_QUERY_MEMORY_MIB_MAX + processMiB
    }
    const startedMs = performance.now()
    const one = new StatementProcess(limits)
    processes.add(one)
    void one.ended.then(async () => {
      processes.delete(one)
      const at = idle.indexOf(one)
      if (at >= 0) idle.splice(at, 1)
      // The next question should not wait for it.
      if (!isClosing && performance.now() - startedMs > livedMsMin && idle.length === 0 && processes.size < config.FIRN_QUERY_AT_ONCE_MAX) idle.push(spawn())
      await rm(limits.spillDir, { recursive: true, force: true })
    })
    return one
  }
  const take = (): StatementProcess => {
    for (;;) {
      const one = idle.pop()
      if (one === undefined) return spawn()
      if (one.isAlive) return one
    }
  }
  return {
    async start (statement, signal) {
      // The first one starts with the first question, while its views are planned: a line that nobody asks carries none.
      if (processes.size === 0) idle.push(spawn())
      const { key, views, setup, snapshots } = await planViews(lake, statement.sql, statement.asOf, known)
      signal.throwIfAborted()
      const locations = views.flatMap(view => view.locations)
      const release = await lake.storage.bringNear(locations)
      const plan = { key, setup, named: Object.keys(snapshots), paths: locations.map(location => lake.storage.toEnginePath(location)) }
      return {
        snapshots,
        frames: (async function * () {
          const one = take()
          const end = (): void => { one.interrupt() }
          try {
            signal.throwIfAborted()
            signal.addEventListener('abort', end, { once: true })
            yield * one.run({ sql: statement.sql, plan, shape: shapeOf(statement, config, snapshots) })
          } finally {
            signal.removeEventListener('abort', end)
            if (one.isAlive) idle.push(one)
            await release()
          }
        })()
      }
    },
    async close () {
      isClosing = true
      await Promise.all([...processes].map(async one => { await one.close() }))
      await rm(spillDir, { recursive: true, force: true })
    }
  }
}
