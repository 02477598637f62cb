// A DuckDB for statements of strangers: the views of one plan, and no way out. External access is off except for exactly the
// files of the views, extensions cannot be loaded, the configuration is locked, memory, threads and spilling are bounded.
// A few are kept, so that a question asked again finds its views made and the footers of their files read.

import type { DuckDBConnection } from '@duckdb/node-api'
import { DuckDBInstance, quoteText } from '../../../catalog/index.ts'
import { makeViews, noExtensions } from '../../query/duckdb-session.ts'
import type { SandboxLimits, SandboxPlan } from './protocol.ts'

const sandboxesMax = 4
/** Of an expression; a chain of a thousand is nobody's question, and deep recursion is how a stack ends. */
const expressionDepthMax = 500

export interface Sandbox {
  readonly connection: DuckDBConnection
  close(): void
}

export class Sandboxes {
  readonly #open = new Map<string, Sandbox>()
  readonly #limits: SandboxLimits

  constructor (limits: SandboxLimits) { this.#limits = limits }

  get (key: string): Sandbox | undefined {
    const sandbox = this.#open.get(key)
    if (sandbox === undefined) return undefined
    this.#open.delete(key)
    this.#open.set(key, sandbox)
    return sandbox
  }

  async open (plan: SandboxPlan): Promise<Sandbox> {
    if (this.#open.size >= sandboxesMax) this.forget(this.#open.keys().next().value as string)
    const sandbox = await openSandbox(plan, this.#limits)
    this.#open.set(plan.key, sandbox)
    return sandbox
  }

  /** After a statement that failed: whatever it left behind goes with it. */
  forget (key: string): void {
    this.#open.get(key)?.close()
    this.#open.delete(key)
  }
}

export async function openSandbox (plan: SandboxPlan, { memoryMiBMax, spillMiBMax, threadsMax, spillDir }: SandboxLimits): Promise<Sandbox> {
  const instance = await DuckDBInstance.create(':memory:', {
    ...noExtensions,
    memory_limit: `${memoryMiBMax}MiB`,
    threads: String(threadsMax),
    ...spillMiBMax === 0 ? { temp_directory: '' } : { temp_directory: spillDir, max_temp_directory_size: `${spillMiBMax}MiB` },
    // Memory of a sandbox that waits would count as well.
    enable_external_file_cache: 'false',
    allow_persistent_secrets: 'false',
    preserve_insertion_order: 'true'
  })
  const connection = await instance.connect()
  await connection.run("set TimeZone = 'UTC'; set parquet_metadata_cache = true; set default_null_order = 'nulls_last'")
  await makeViews(connection, plan.setup, table => plan.named.includes(table))
  // DuckDB compares what the statement says, in which a bracket of a name is written as a pattern, and then the name found.
  const allowed = new Set(plan.paths.flatMap(path => [path, path.replaceAll(/[*?[]/g, char => `[${char}]`)]))
  const paths = [...allowed].map(quoteText).join(', ')
  await connection.run(`set allowed_paths = [${paths}]; set max_expression_depth = ${expressionDepthMax}; set enable_external_access = false; set lock_configuration = true`)
  return {
    connection,
    close () {
      connection.closeSync()
      instance.closeSync()
    }
  }
}
