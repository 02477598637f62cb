// The tables of one cycle, each pinned at the snapshot that it was loaded with: whoever runs later in the cycle sees what
// whoever ran earlier saw, or the table that an earlier model of this cycle committed. Files, changes and watermarks are read
// once for all models. Tables that only the runner writes are kept between cycles until somebody says otherwise.

import { changesSince, isCatalogError, quoteIdentifier, recordedSchema, recordOf, scanFiles, upperBound, type Catalog, type LiveFile, type LoadedTable, type SourceChanges, type SourceRecord, type Storage } from '../../catalog/index.ts'
import { idleUntilProperty } from '../../openapi/index.ts'
import { type Database, type Session } from './database.ts'
import { readState, type ModelState } from './model-state.ts'

export interface PinnedTable {
  readonly table: LoadedTable
  readonly record: SourceRecord | null
  /** Of a model's table. A newer one than the property says when nothing but progress is to be recorded. */
  readonly state: ModelState | null
}

/** `rows`: tables of the database that hold every row that went or came; more is fine. */
export type SourceNews = SourceChanges | { readonly kind: 'rows', readonly tables: readonly string[] }

/** What a commit of ours changed, for the models that build on it. */
interface Difference { readonly from: bigint, readonly to: bigint, readonly table: string }

/** Of one table; who is further behind compares files. */
const differencesMax = 24
const differenceRowsMax = 200_000n

export class PinnedTables {
  readonly #catalog: Catalog
  readonly #storage: Storage
  readonly #database: Database
  readonly #tables = new Map<string, PinnedTable | null>()
  readonly #files = new WeakMap<LoadedTable, Promise<LiveFile[]>>()
  readonly #changes = new WeakMap<LoadedTable, Map<bigint, Promise<SourceChanges>>>()
  readonly #differences = new Map<string, Difference[]>()
  #differenceCount = 0
  /** The greatest received_at by table and snapshot. */
  readonly #watermarks = new Map<string, { readonly record: SourceRecord, readonly watermark: Date | null }>()

  constructor (catalog: Catalog, storage: Storage, database: Database) {
    this.#catalog = catalog
    this.#storage = storage
    this.#database = database
  }

  /** Loads these anew and those that are not known. */
  async load (names: readonly string[], anew: (name: string) => boolean): Promise<void> {
    await Promise.all(names.map(async name => {
      if (!anew(name) && (this.#tables.get(name) ?? null) !== null) return
      const table = await this.#find(name)
      if (table === null) this.#tables.set(name, null)
      else if (this.#tables.get(name)?.table.metadataLocation !== table.metadataLocation || table.metadataLocation === null) this.put(name, table)
    }))
  }

  get (name: string): PinnedTable | null {
    return this.#tables.get(name) ?? null
  }

  put (name: string, table: LoadedTable, state: ModelState | null = readState(table)): void {
    this.#tables.set(name, { table, record: recordOf(table), state })
  }

  forget (name: string): void {
    this.#tables.delete(name)
  }

  async files ({ table }: PinnedTable): Promise<LiveFile[]> {
    let files = this.#files.get(table)
    if (files === undefined) this.#files.set(table, files = scanFiles(this.#storage, table).then(({ files }) => files))
    return await files
  }

  /** What changed since, from what was remembered of our own commits where that reaches back so far. */
  async news (name: string, pinned: PinnedTable, since: SourceRecord | null): Promise<SourceNews> {
    const tables: string[] = []
    const known = this.#differences.get(name) ?? []
    let at = pinned.record?.snapshotId
    while (since !== null && at !== since.snapshotId) {
      const step = known.find(({ to }) => to === at)
      if (step === undefined) return await this.changes(pinned, since)
      tables.push(step.table)
      at = step.from
    }
    return tables.length === 0 ? await this.changes(pinned, since) : { kind: 'rows', tables }
  }

  /** Keeps the session's `diff_rows`. Forgets what is no longer needed. */
  async rememberDifference (session: Session, name: string, from: bigint | null, to: bigint): Promise<void> {
    const known = this.#differences.get(name) ?? []
    this.#differences.set(name, known)
    while (known.length >= differencesMax) await session.run(`drop table if exists ${known.shift()!.table}`)
    const [[rows]] = await session.rows('select count(*) from diff_rows') as [[bigint]]
    if (from === null || rows > differenceRowsMax) return
    const table = `main.difference_${++this.#differenceCount}`
    await session.run(`create table ${table} as select * from diff_rows`)
    known.push({ from, to, table })
  }

  async changes (pinned: PinnedTable, since: SourceRecord | null): Promise<SourceChanges> {
    if (since === null) return pinned.record === null ? { kind: 'unchanged' } : { kind: 'appended', by: 'files', files: await this.files(pinned) }
    let known = this.#changes.get(pinned.table)
    if (known === undefined) this.#changes.set(pinned.table, known = new Map())
    let changes = known.get(since.snapshotId)
    if (changes === undefined) known.set(since.snapshotId, changes = changesSince(this.#storage, pinned.table, since))
    return await changes
  }

  /**
   * Event time needs none: of firn.events when its newest row was received, or up to when the writer noted that nothing more
   * came; of a model what its sources had; null for all others.
   */
  async watermark (name: string, pinned: PinnedTable): Promise<Date | null> {
    if (pinned.state !== null) return pinned.state.watermark
    if (name !== 'firn.events' || pinned.record === null) return null
    const [received, idle] = [await this.#received(name, pinned, pinned.record), idleUntil(pinned.table)]
    return received !== null && idle !== null && idle > received ? idle : received
  }

  async #received (name: string, pinned: PinnedTable, record: SourceRecord): Promise<Date | null> {
    const known = this.#watermarks.get(name)
    if (known?.record.snapshotId === record.snapshotId && known.record.uuid === record.uuid) return known.watermark
    const changes = known === undefined ? null : await this.changes(pinned, known.record)
    const found = await this.#receivedLast(pinned, changes?.kind === 'appended' ? changes.files : await this.files(pinned))
    const watermark = changes?.kind === 'appended' && known !== undefined && known.watermark !== null && (found === null || found < known.watermark) ? known.watermark : found
    this.#watermarks.set(name, { record, watermark })
    return watermark
  }

  async #receivedLast ({ table }: PinnedTable, files: readonly LiveFile[]): Promise<Date | null> {
    const field = recordedSchema(table.metadata).fields.find(({ name }) => name === 'received_at')
    if (field === undefined || files.length === 0) return null
    let last: bigint | null = null
    const unbounded = files.filter(file => {
      const bound = upperBound([file], field)
      if (typeof bound === 'bigint' && (last === null || bound > last)) last = bound
      return bound === null
    })
    if (unbounded.length > 0) {
      const session = await this.#database.session(this.#storage)
      try {
        const [row] = await session.rows(`select epoch_us(max(${quoteIdentifier(field.name)})) from ${await session.scan(table, unbounded, [field.name])}`)
        const found = (row?.[0] ?? null) as bigint | null
        if (found !== null && (last === null || found > last)) last = found
      } finally {
        await session.close()
      }
    }
    return last === null ? null : new Date(Number(last as bigint / 1000n))
  }

  async #find (name: string): Promise<LoadedTable | null> {
    const parts = name.split('.')
    try {
      return await this.#catalog.loadTable({ namespace: parts.slice(0, -1), name: parts.at(-1)! })
    } catch (error) {
      if (isCatalogError(error, 'CATALOG_NO_SUCH_TABLE') || isCatalogError(error, 'CATALOG_NO_SUCH_NAMESPACE')) return null
      throw error
    }
  }
}

/** What cannot be read as a time says nothing. */
function idleUntil ({ metadata }: LoadedTable): Date | null {
  const time = new Date(metadata.properties[idleUntilProperty] ?? '')
  return Number.isNaN(time.getTime()) ? null : time
}
