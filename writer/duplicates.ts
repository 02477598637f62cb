// Which ids does the table hold within the window? A bounded cache of the table, tagged with the snapshot that it is
// complete for: a batch commits only on that very snapshot, so after a conflict the files added in between are read
// first. Also knows which event types the table holds, from its partitions.
// The index is complete for arrivals from `#from` on. What came before is asked from the table itself, for each check
// anew: the answers are kept beside the index until the check is over, and never in it. A full index raises `#from`:
// many ids make checks slower, never wrong, and never stop the writer.
// Where rows may have gone from the table (a delete, an overwrite, a rollback), the index is built anew.

import { recordOf, type LoadedTable, type SourceRecord } from '../catalog/index.ts'
import { addAdmitted, findDuplicates, type BatchIds } from './batch-ids.ts'
import { DuplicateIndex } from './duplicate-index.ts'
import type { ParsedBatch } from './pipeline.ts'
import type { IdFile, TableIds, VisitIds } from './table-ids.ts'

export interface DuplicatesOptions {
  /** Ids kept in memory. */
  readonly idsMax: number
  readonly windowSeconds: number
  readonly nowMs: () => number
}

export class Duplicates {
  readonly index = new DuplicateIndex()
  readonly types = new Set<string>()
  readonly #options: DuplicatesOptions
  readonly #ids: TableIds
  #newest = 0
  #tableUuid = ''
  #snapshotId: bigint | null = null
  /** Null while the table has no snapshot. */
  #record: SourceRecord | null = null

  constructor (ids: TableIds, options: DuplicatesOptions) {
    this.#ids = ids
    this.#options = options
  }

  /** Makes the cache complete for the table's current snapshot; true when something changed. */
  async follow (table: LoadedTable): Promise<boolean> {
    if (this.isAt(table)) return false
    const isOther = table.metadata['table-uuid'] !== this.#tableUuid
    const changes = await this.#ids.changes(table, isOther ? null : this.#record)
    if (changes.kind === 'anew') await this.#rebuild(table, changes.files)
    else await this.#index(table, changes.files)
    this.#tag(table)
    return changes.kind === 'anew' || changes.files.length > 0
  }

  /** Which rows are duplicates, as positions in `ids`. Adds nothing to the index. */
  async check (table: LoadedTable, batch: ParsedBatch, ids: BatchIds): Promise<Uint32Array> {
    const { windowSeconds } = this.#options
    const horizon = Math.min(this.#nowSecond(), this.#newest)
    this.#raiseFrom(horizon - windowSeconds - slackOf(windowSeconds))
    const oldest = ids.seconds.subarray(0, ids.count).reduce((least, second) => Math.min(least, second), Infinity)
    const asked = oldest - windowSeconds < this.#from ? await this.#askTable(table, batch, oldest) : null
    return findDuplicates(ids, this.index, windowSeconds, asked)
  }

  /** The batch is part of the table now. */
  async landed (table: LoadedTable, snapshotId: bigint, ids: BatchIds, duplicates: Uint32Array, types: Iterable<string>): Promise<void> {
    addAdmitted(ids, duplicates, (a, b, c, second) => { this.#add(a, b, c, second) })
    const now = this.#nowSecond()
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

  get #from (): number {
    return this.index.evictBelow
  }

  #raiseFrom (second: number): void {
    if (second > this.#from) this.index.evictBelow = second
  }

  async #rebuild (table: LoadedTable, files: readonly IdFile[]): Promise<void> {
    const { windowSeconds, idsMax } = this.#options
    // Until it is complete it is of no table: an error in the middle leaves nothing that could be believed.
    this.#tableUuid = ''
    this.types.clear()
    const now = this.#nowSecond()
    this.#newest = files.reduce((most, { upper }) => Math.max(most, Math.min(upper, now)), 0)
    const from = Math.max(0, this.#newest - windowSeconds - slackOf(windowSeconds))
    this.index.evictBelow = from
    const expected = files.reduce((sum, { upper, rows }) => upper >= from ? sum + rows : sum, 0)
    this.index.clear(Math.min(expected, idsMax))
    await this.#index(table, files)
  }

  async #index (table: LoadedTable, files: readonly IdFile[]): Promise<void> {
    for (const { type } of files) if (type !== null) this.types.add(type)
    const unsaid = files.filter(({ type }) => type === null)
    if (unsaid.length > 0) for (const type of await this.#ids.typesIn(table, unsaid)) this.types.add(type)
    const from = this.#from
    await this.#ids.visitSince(table, files.filter(({ upper }) => upper >= from), from, adding((a, b, c, second) => { this.#add(a, b, c, second) }))
  }

  #add (a: number, b: number, c: number, second: number): void {
    const { idsMax } = this.#options
    if (this.index.size >= idsMax) this.index.keepNewest(Math.floor(idsMax / 2))
    if (second >= this.#from) this.index.add(a, b, c, second)
  }

  /** Rows that arrived so long ago that the index does not reach: the table answers for exactly their ids. */
  async #askTable (table: LoadedTable, batch: ParsedBatch, oldest: number): Promise<DuplicateIndex> {
    const { windowSeconds } = this.#options
    const asked = new DuplicateIndex()
    const { files } = await this.#ids.changes(table, null)
    const chosen = files.filter(({ upper, lower }) => upper >= oldest - windowSeconds && lower < this.#from)
    await this.#ids.visitOfBatch(table, chosen, batch, this.#from + windowSeconds, adding((a, b, c, second) => { asked.add(a, b, c, second) }))
    return asked
  }

  #tag (table: LoadedTable): void {
    this.#tableUuid = table.metadata['table-uuid']
    this.#snapshotId = mainOf(table)
    this.#record = recordOf(table)
  }

  #nowSecond (): number {
    return Math.floor(this.#options.nowMs() / 1000)
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

function adding (add: (a: number, b: number, c: number, second: number) => void): VisitIds {
  return (hashes, seconds, count) => {
    for (let i = 0; i < count; i++) add(hashes[i * 4]!, hashes[i * 4 + 1]!, hashes[i * 4 + 2]!, seconds[i]!)
  }
}
