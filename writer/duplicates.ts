// Which ids does the table hold within the window? A bounded cache of the table, tagged with the snapshot that it is
// complete for: a batch commits only on that very snapshot, so after a conflict the files added in between are read
// first. Also knows which event types the table holds, from its partitions.
// What lies before the cache's horizon is asked from the table itself. Refuses to go over its bound.

import { duckdbScan, scanFiles, type LiveFile, type LoadedTable, type Storage } from '../catalog/index.ts'
import { addAdmitted, findDuplicates, type BatchIds } from './batch-ids.ts'
import { DuplicateIndex } from './duplicate-index.ts'
import type { Engine } from './engine.ts'
import { hashSql, knownSchema, secondsSql, visitIds, type ParsedBatch } from './pipeline.ts'

/** All that is read of a file. */
const idColumns = ['event_id', 'received_at']

export interface DuplicatesOptions { readonly idsMax: number, readonly windowSeconds: number, readonly nowMs: () => number }

export class Duplicates {
  readonly index: DuplicateIndex
  readonly types = new Set<string>()
  readonly #options: DuplicatesOptions
  readonly #engine: Engine
  readonly #storage: Storage
  /** Seconds: the index is complete for arrivals from here on. */
  #from = 0
  #newest = 0
  #tableUuid = ''
  #snapshotId: bigint | null = null
  #sequenceNumber = 0n

  constructor (engine: Engine, storage: Storage, options: DuplicatesOptions) {
    this.#engine = engine
    this.#storage = storage
    this.#options = options
    this.index = new DuplicateIndex(options.idsMax)
  }

  /** Makes the cache complete for the table's current snapshot; true when something was added. */
  async follow (table: LoadedTable): Promise<boolean> {
    const { metadata } = table
    const snapshotId = mainOf(table)
    if (metadata['table-uuid'] !== this.#tableUuid) return await this.#rebuild(table)
    if (snapshotId === this.#snapshotId) return false
    const { files } = await scanFiles(this.#storage, table, { afterSequenceNumber: this.#sequenceNumber, withDeleteFiles: true })
    await this.#index(table, files)
    this.#tag(table)
    return files.length > 0
  }

  /** Which rows are duplicates, as positions in `ids`. Reads the index only. */
  async check (table: LoadedTable, batch: ParsedBatch, ids: BatchIds): Promise<Uint32Array> {
    const { windowSeconds } = this.#options
    const horizon = Math.min(Math.floor(this.#options.nowMs() / 1000), this.#newest)
    this.index.evictBelow = Math.max(this.#from, horizon - windowSeconds - slackOf(windowSeconds))
    this.index.reserve(ids.count)
    this.#from = Math.max(this.#from, this.index.evictBelow)
    const oldest = ids.seconds.subarray(0, ids.count).reduce((least, second) => Math.min(least, second), Infinity)
    if (oldest - windowSeconds < this.#from) await this.#askTable(table, batch, oldest)
    return findDuplicates(ids, this.index, windowSeconds)
  }

  /** The batch is part of the table now. */
  async landed (table: LoadedTable, snapshotId: bigint, ids: BatchIds, duplicates: Uint32Array, types: Iterable<string>): Promise<void> {
    addAdmitted(ids, duplicates, this.index)
    const now = Math.floor(this.#options.nowMs() / 1000)
    this.#newest = ids.seconds.subarray(0, ids.count).reduce((most, second) => second <= now && second > most ? second : most, this.#newest)
    for (const type of types) this.types.add(type)
    // A rival's commit may lie on top already: its ids are read, ours are in.
    if (mainOf(table) === snapshotId) this.#tag(table)
    else await this.follow(table)
  }

  /** Is the cache complete for exactly this snapshot? */
  isAt (table: LoadedTable): boolean {
    return table.metadata['table-uuid'] === this.#tableUuid && mainOf(table) === this.#snapshotId
  }

  async #rebuild (table: LoadedTable): Promise<boolean> {
    const { files } = await scanFiles(this.#storage, table, { withDeleteFiles: true })
    this.types.clear()
    const bounds = arrivalsOf(table, files)
    const now = Math.floor(this.#options.nowMs() / 1000)
    this.#newest = 0
    for (const { upper } of bounds) this.#newest = Math.max(this.#newest, Math.min(upper, now))
    const { windowSeconds } = this.#options
    this.#from = files.length === 0 ? 0 : Math.max(0, this.#newest - windowSeconds - slackOf(windowSeconds))
    this.index.evictBelow = this.#from
    const expected = files.reduce((sum, file, i) => bounds[i]!.upper >= this.#from ? sum + Number(file.recordCount) : sum, 0)
    this.index.clear(Math.min(expected, this.index.idsMax))
    await this.#index(table, files, bounds)
    this.#tag(table)
    return files.length > 0
  }

  async #index (table: LoadedTable, files: LiveFile[], bounds = arrivalsOf(table, files)): Promise<void> {
    for (const file of files) {
      const type = file.partition['event_type']
      if (typeof type === 'string') this.types.add(type)
    }
    const chosen = files.filter((_, i) => bounds[i]!.upper >= this.#from)
    if (chosen.length === 0) return
    const release = await this.#storage.bringNear(chosen.map(file => file.location), idColumns)
    try {
      const sql = `SELECT ${hashSql('event_id')}, ${secondsSql('received_at')} FROM ${idsScan(table, chosen, this.#storage)} WHERE received_at >= make_timestamptz(${this.#from * 1_000_000})`
      await visitIds(this.#engine.main, sql, 0, (hashes, seconds, count) => {
        this.index.reserve(count)
        for (let i = 0; i < count; i++) this.index.add(hashes[i * 4]!, hashes[i * 4 + 1]!, hashes[i * 4 + 2]!, seconds[i]!)
      })
    } finally {
      await release()
    }
  }

  /** Rows that arrived so long ago that the index does not reach: the table answers for exactly their ids. */
  async #askTable (table: LoadedTable, batch: ParsedBatch, oldest: number): Promise<void> {
    const { windowSeconds } = this.#options
    const { files } = await scanFiles(this.#storage, table, { withDeleteFiles: true })
    const bounds = arrivalsOf(table, files)
    const newest = this.#from + windowSeconds
    const chosen = files.filter((_, i) => bounds[i]!.upper >= oldest - windowSeconds && bounds[i]!.lower <= this.#from)
    if (chosen.length === 0) return
    const release = await this.#storage.bringNear(chosen.map(file => file.location), idColumns)
    try {
      const sql = `SELECT h, s FROM (SELECT ${hashSql('event_id')} AS h, ${secondsSql('received_at')} AS s FROM ${idsScan(table, chosen, this.#storage)})
         WHERE h IN (SELECT _h FROM ${batch.table} WHERE _reason IS NULL AND ${secondsSql('received_at')} < ${newest})`
      await visitIds(this.#engine.main, sql, 0, (hashes, seconds, count) => {
        for (let i = 0; i < count; i++) this.index.add(hashes[i * 4]!, hashes[i * 4 + 1]!, hashes[i * 4 + 2]!, seconds[i]!)
      })
    } finally {
      await release()
    }
  }

  #tag (table: LoadedTable): void {
    this.#tableUuid = table.metadata['table-uuid']
    this.#snapshotId = mainOf(table)
    this.#sequenceNumber = table.metadata['last-sequence-number']
  }
}

export function mainOf ({ metadata }: LoadedTable): bigint | null {
  const id = metadata.refs['main']?.['snapshot-id'] ?? metadata['current-snapshot-id']
  return id < 0n ? null : id
}

/** How far partitions of the log may lag behind one another before the table is asked. */
function slackOf (windowSeconds: number): number {
  return Math.ceil(windowSeconds / 7)
}

function idsScan (table: LoadedTable, files: LiveFile[], storage: Storage): string {
  const schema = knownSchema(table)
  return duckdbScan(table, files, storage, { ...schema, fields: schema.fields.filter(({ name }) => idColumns.includes(name)) })
}

/** Seconds of the first and last arrival in each file, from its statistics; all of time where there are none. */
function arrivalsOf (table: LoadedTable, files: readonly LiveFile[]): { lower: number, upper: number }[] {
  const id = knownSchema(table).fields.find(({ name }) => name === 'received_at')?.id ?? -1
  return files.map(file => ({ lower: secondOf(file.lowerBounds.get(id)) ?? 0, upper: secondOf(file.upperBounds.get(id)) ?? Infinity }))
}

function secondOf (bound: Buffer | undefined): number | null {
  return bound === undefined || bound.length !== 8 ? null : Math.floor(Number(bound.readBigInt64LE()) / 1e6)
}
