// One sealed batch on its way to the table: flushing (filter, files) → committing (dead letters, rows) → landed.
// After a conflict that brought new ids, the batch is filtered again and written again under a new snapshot id: the old
// attempt asserted a main that has moved, so it can never land.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { keepSharedSpec, mainSnapshotId, sharedSpecOf, type DataFile, type LoadedTable, type Storage } from '../catalog/index.ts'
import { eventTypes } from '../openapi/index.ts'
import { sentenceOf } from '../runtime/index.ts'
import { commitLetters, commitRows, lettersAgainst, type CommitParts } from './commit.ts'
import type { BatchIds } from './batch-ids.ts'
import type { Duplicates } from './duplicates.ts'
import { faultOf, isAftermath, isFatal } from './engine-fault.ts'
import type { Engine } from './engine.ts'
import { fail } from './errors.ts'
import type { Framer } from './framer.ts'
import { dropReread, findReread, writeLetters, type RereadRows } from './letters.ts'
import type { ConsumedRange, LogIds } from './offsets.ts'
import { markDuplicates, parseBatch, partitionsOf, readIds, unlistTypes, type ParsedBatch, type RowPartition } from './pipeline.ts'
import { needsSharedFile, writeRows } from './row-files.ts'
import { dropPart, rehearsalStorage, siftBatch } from './sift.ts'
import { eventsId, type WriterTables } from './tables.ts'
import { decideTypes, parseUnlisted, rowsMinDefault, unlistedProperty, type TypeRows } from './unlisted-types.ts'

export type BatchState =
  | { readonly at: 'flushing', readonly ids: BatchIds }
  | { readonly at: 'committing', readonly ids: BatchIds, readonly files: readonly DataFile[], readonly partitions: readonly RowPartition[], readonly attempt: number }
  | { readonly at: 'landed', readonly snapshotId: bigint, readonly tables: WriterTables, readonly rows: number, readonly letters: number, readonly duplicates: number }

export interface BatchParts extends CommitParts {
  readonly duplicates: Duplicates
  readonly log: LogIds
  readonly typesMax: number
  /** Rows of an undeclared type that earn it a partition. */
  readonly typeRowsMin?: number
  /** Data files of one commit, where another engine chose the partitions. */
  readonly filesMax?: number
  /** And where they are ours. */
  readonly filesUsualMax?: number
}

const declaredTypes: ReadonlySet<string> = new Set(eventTypes.map(({ name }) => name))

export type Landed = Extract<BatchState, { at: 'landed' }>

/**
 * Throws WRITER_FENCED when the batch is not ours to write: read on from the table. Records that the engine fails on are
 * taken out, once: before anything of the batch is committed, the batch without them is as good as any.
 */
export async function landBatch (parts: BatchParts, tables: WriterTables, framed: Framer, parsing: Promise<ParsedBatch>): Promise<{ landed: Landed, batch: ParsedBatch }> {
  let batch: ParsedBatch
  let work: BatchWork | null = null
  try {
    batch = await parsing
    work = new BatchWork(parts, tables, batch)
    return { batch, landed: await landWork(parts, work, batch) }
  } catch (error) {
    if (faultOf(error) !== 'record' || work?.isListed === true) throw error
    if (isFatal(error)) await parts.engine.renew()
    if (!isAftermath(error)) await takeOutGuilty(parts, tables, framed, error)
  }
  batch = await parseBatch(parts.engine.main, framed)
  return { batch, landed: await landWork(parts, new BatchWork(parts, tables, batch), batch) }
}

/** Throws the error, in words, when no record is the reason. */
async function takeOutGuilty ({ engine, storage, logger, nowMs }: BatchParts, tables: WriterTables, framed: Framer, error: unknown): Promise<void> {
  const reason = sentenceOf(error instanceof Error && error.cause !== undefined ? error.cause : error)
  const committedUs = BigInt(Math.trunc(nowMs())) * 1000n
  const taken = await siftBatch(async () => await engine.spare(), framed, async (spare, part) => {
    let files = 0
    const scratch = rehearsalStorage(storage, () => join(framed.options.dir, `${part.name}-${files++}.lines`))
    try {
      await rehearseBatch(spare, scratch, tables, part, committedUs)
    } finally {
      for (let i = 0; i < files; i++) rmSync(join(framed.options.dir, `${part.name}-${i}.lines`), { force: true })
    }
  })
  const topics = [...new Set(framed.lanes.map(({ topic }) => topic))].join(', ')
  if (taken === null) throw fail('WRITER_BATCH_BROKEN', { rows: framed.lines, topics, reason }, error)
  logger.error({ records: taken, topics, reason }, 'the engine failed on records: they become dead letters with its words, all others land')
}

/** Everything that the engine does with a batch before its commits, with each row once as it is and once unlisted. */
async function rehearseBatch (engine: Engine, storage: Storage, tables: WriterTables, part: Framer, committedUs: bigint): Promise<void> {
  const { main } = engine
  const batch = await parseBatch(main, part)
  try {
    const ids = await readIds(main, batch)
    await writeRows(engine, storage, tables.events, batch, batch.partitions, committedUs)
    if (batch.unfit > 0) await writeLetters(engine, storage, tables.letters, batch, committedUs)
    await markDuplicates(main, batch, ids.rows.subarray(0, ids.count))
    await writeLetters(engine, storage, tables.letters, batch, committedUs)
    await markDuplicates(main, batch, new Uint32Array(0))
    const own = batch.partitions.map(({ eventType }) => eventType).filter(type => !declaredTypes.has(type))
    if (own.length === 0) return
    await unlistTypes(main, batch, own)
    await writeRows(engine, storage, tables.events, batch, await partitionsOf(main, batch), committedUs)
  } finally {
    await dropPart(engine, batch)
  }
}

async function landWork (parts: BatchParts, work: BatchWork, batch: ParsedBatch): Promise<Landed> {
  let state: BatchState = { at: 'flushing', ids: await readIds(parts.engine.main, batch) }
  for (let attempt = 1; ; attempt++) {
    switch (state.at) {
      case 'flushing':
        state = await work.flush(state.ids, attempt)
        break
      case 'committing':
        state = await work.commit(state)
        break
      case 'landed':
        return state
    }
  }
}

class BatchWork {
  readonly #parts: BatchParts
  readonly #batch: ParsedBatch
  readonly #ranges: ConsumedRange[]
  readonly #committedUs: bigint
  #tables: WriterTables
  #duplicates: Uint32Array = new Uint32Array(0)
  /** Rows as they will be written. */
  #partitions: readonly RowPartition[]
  /** Rows of the types that were moved to `unlisted`. */
  readonly #unlisted = new Map<string, number>()
  readonly #earned = new Set<string>()
  #lettersListed = false
  /** Duplicates that are the table's own rows, read again. */
  #reread = 0

  constructor (parts: BatchParts, tables: WriterTables, batch: ParsedBatch) {
    this.#parts = parts
    this.#tables = tables
    this.#batch = batch
    this.#partitions = batch.partitions
    this.#ranges = batch.lanes.map(({ topic, partition, start, end, before, fingerprint }) => ({ topic, partition, start, end, before, fingerprint }))
    this.#committedUs = BigInt(Math.trunc(parts.nowMs())) * 1000n
  }

  /** Something of the batch is committed. */
  get isListed (): boolean {
    return this.#lettersListed
  }

  /**
   * Drops duplicates and surplus types, writes the rows, lists what is new among the dead letters: last, so that whatever
   * the engine fails on fails before anything is committed.
   */
  async flush (ids: BatchIds, attempt: number): Promise<BatchState> {
    const { engine, storage } = this.#parts
    const { main } = engine
    const before = this.#duplicates
    this.#duplicates = union(before, await this.#findDuplicates(ids, new Set(before)))
    if (this.#duplicates.length > before.length) await markDuplicates(main, this.#batch, this.#duplicates.map(position => ids.rows[position]!))
    this.#partitions = this.#duplicates.length > 0 || this.#unlisted.size > 0 ? await partitionsOf(main, this.#batch) : this.#batch.partitions
    await this.#unlistTypes()
    const partitions = this.#partitions
    await this.#allowSharedFile(partitions)
    const files = await writeRows(engine, storage, this.#tables.events, this.#batch, partitions, this.#committedUs, { placed: this.#parts.filesMax, usual: this.#parts.filesUsualMax })
    const reread = await findReread(engine, storage, this.#tables.events, this.#batch, this.#tables.rereadTo ?? new Map())
    this.#reread = reread?.count ?? 0
    try {
      await this.#listLetters(ids, before, reread)
    } finally {
      await dropReread(engine, reread)
    }
    return { at: 'committing', ids, files, partitions, attempt }
  }

  /**
   * Before rows are dropped for good (a dead letter is never taken back) or lose their type, the table is looked at as
   * it is now: another engine may have deleted the rows that they repeat since our last commit.
   */
  async #findDuplicates (ids: BatchIds, listed: ReadonlySet<number>): Promise<Uint32Array> {
    const { duplicates, catalog } = this.#parts
    await duplicates.follow(this.#tables.events)
    const found = await duplicates.check(this.#tables.events, this.#batch, ids)
    if (found.every(position => listed.has(position)) && this.#decideTypes(this.#tables.events).unlisted.length === 0) return found
    const events = await catalog.loadTable(eventsId)
    if (duplicates.isAt(events)) return found
    this.#tables = { ...this.#tables, events }
    await duplicates.follow(events)
    return await duplicates.check(events, this.#batch, ids)
  }

  async commit ({ ids, files, partitions, attempt }: Extract<BatchState, { at: 'committing' }>): Promise<BatchState> {
    const { duplicates, log } = this.#parts
    const rows = partitions.reduce((sum, partition) => sum + partition.rows, 0)
    const letters = this.#letters()
    const outcome = await commitRows(this.#parts, this.#tables.events, {
      ranges: this.#ranges, files, log, rows, letters, unlisted: this.#unlisted, listed: new Set([...this.#knownTypes(), ...this.#earned]),
      lettersAgainst: async () => lettersAgainst(await this.#parts.catalog.loadTable(this.#tables.letters.id), this.#tables.lettersNext, this.#ranges),
      isCheckedOn: async base => {
        if (duplicates.isAt(base) || !await duplicates.follow(base)) return true
        const found = await duplicates.check(base, this.#batch, ids)
        return union(this.#duplicates, found).length === this.#duplicates.length && this.#decideTypes(base).unlisted.length === 0
      }
    })
    if (outcome.kind === 'fenced') throw fail('WRITER_FENCED', { reason: outcome.reason })
    if (outcome.kind === 'stale') {
      this.#tables = { ...this.#tables, events: outcome.table }
      return await this.flush(ids, attempt + 1)
    }
    await duplicates.landed(outcome.table, outcome.snapshotId, ids, this.#duplicates, partitions.map(({ eventType }) => eventType))
    return { at: 'landed', snapshotId: outcome.snapshotId, tables: { ...this.#tables, events: outcome.table }, rows, letters, duplicates: this.#duplicates.length - this.#reread }
  }

  #letters (): number {
    return this.#batch.unfit + this.#batch.framed.misfits.length + this.#duplicates.length - this.#reread
  }

  /** dead_letters first: on resume, what it lists is decided. */
  async #listLetters (ids: BatchIds, before: Uint32Array, reread: RereadRows | null): Promise<void> {
    const all = !this.#lettersListed
    const old = new Set(before)
    const added = this.#duplicates.filter(position => !old.has(position))
    if (all ? this.#letters() === 0 : added.length === 0) return
    const { engine, storage, log } = this.#parts
    const files = await writeLetters(engine, storage, this.#tables.letters, this.#batch, this.#committedUs, all ? null : added.map(position => ids.rows[position]!), reread)
    if (files.length === 0) return
    const listed = await commitLetters(this.#parts, this.#tables, { ranges: this.#ranges, files, log, letters: all ? this.#letters() : added.length })
    this.#tables = { ...this.#tables, ...listed }
    this.#lettersListed = true
  }

  /** Moves what has no partition of its own to `unlisted`, and remembers how many rows that were. */
  async #unlistTypes (): Promise<void> {
    const { listed, unlisted } = this.#decideTypes(this.#tables.events)
    for (const type of listed) this.#earned.add(type)
    if (unlisted.length === 0) return
    const { main } = this.#parts.engine
    const rows = rowsByType(this.#partitions)
    await unlistTypes(main, this.#batch, unlisted)
    for (const type of unlisted) this.#unlisted.set(type, rows.get(type) ?? 0)
    this.#partitions = await partitionsOf(main, this.#batch)
  }

  /** By what the base records, so that all writers agree on one. */
  #decideTypes ({ metadata }: LoadedTable): ReturnType<typeof decideTypes> {
    const { typesMax, typeRowsMin: rowsMin = rowsMinDefault } = this.#parts
    const recorded = parseUnlisted(metadata.properties[unlistedProperty])
    return decideTypes({ batch: rowsByType(this.#partitions), recorded, known: this.#knownTypes(), earned: this.#earned, typesMax, rowsMin })
  }

  #knownTypes (): Set<string> {
    return new Set([...this.#parts.duplicates.types, ...declaredTypes, 'unlisted'])
  }

  /** A catalog that does not take the spec gets the files that it would have got without it. */
  async #allowSharedFile (partitions: readonly RowPartition[]): Promise<void> {
    const { filesUsualMax, logger, catalog, storage, signal } = this.#parts
    const { events } = this.#tables
    if (!needsSharedFile(events, partitions, filesUsualMax) || sharedSpecOf(events.metadata) !== undefined) return
    try {
      const table = await keepSharedSpec({ catalog, storage, table: events, signal })
      if (mainSnapshotId(table.metadata) === mainSnapshotId(events.metadata)) this.#tables = { ...this.#tables, events: table }
      logger.info({ partitions: partitions.length, spec: sharedSpecOf(table.metadata)?.['spec-id'] }, 'the table has a partition spec without fields now: small partitions of one commit share a file, until it is compacted')
    } catch (error) {
      logger.warn({ err: error, partitions: partitions.length }, 'the catalog took no partition spec without fields: each partition of this batch gets a file')
    }
  }
}

function rowsByType (partitions: readonly RowPartition[]): TypeRows {
  const rows = new Map<string, number>()
  for (const { eventType, rows: count } of partitions) rows.set(eventType, (rows.get(eventType) ?? 0) + count)
  return rows
}

function union (left: Uint32Array, right: Uint32Array): Uint32Array {
  if (left.length === 0) return right
  return Uint32Array.from(new Set([...left, ...right])).sort()
}

