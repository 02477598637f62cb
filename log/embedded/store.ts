// LMDB under the embedded log: opens the environment and runs write transactions that are on the disk when they resolve.
//
// lmdb's default lets readers see what is not synced yet; `overlappingSync: false` makes a commit write its pages, call
// fdatasync, write the meta page through an O_DSYNC descriptor and only then become visible and resolve.
// Refuses to go on after any write that failed for another reason than space: a failed sync may have lost pages that a
// later sync would report as fine, so no acknowledgment may follow it.

import { existsSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { open as openLmdb, type RootDatabase } from 'lmdb'
import { FirnError } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import { syncFolders } from './folder.ts'
import { sealRecord, unsealRecord } from './layout.ts'
import { checkDataFile } from './data-file.ts'
import { checkWriteLock, stoppedHolders } from './lock-holders.ts'
import { checkWitness, noteState } from './witness.ts'

export const dataFile = 'data.mdb'
/** Address space, not memory or disk: large enough that the map never moves. */
const mapBytes = 64 * 1024 ** 3
/** The file may outgrow twice its bound by this much before anybody asks why. */
const fileSlackBytes = 8 * 1024 ** 2
/** After so much was read the file is mapped anew. */
const bytesReadMax = 96 * 1024 ** 2
/** A reader that lags by so many commits does not move: between polls a reader holds no snapshot. */
const pinnedTransactionsMax = 100
const mapFull = -30792
/** MDB_PAGE_NOTFOUND, MDB_CORRUPTED, MDB_PANIC, MDB_VERSION_MISMATCH, MDB_INVALID. */
const damageCodes = new Set([-30797, -30796, -30795, -30794, -30793])
/** After so long without a commit the newest state is noted beside the log. */
const quietMs = 1_000
const noSpace = new Set([28, 122]) // ENOSPC, EDQUOT
/** In the reason when the write of a page failed, before any sync: the transaction is gone and nothing else has happened. */
const pageWrite = 'Attempting to write page'

export interface StoreLimits {
  readonly bytesMax: number
}

/** Opens the environment in `path`, after looking at what is there. */
export async function openStore (path: string, limits: StoreLimits): Promise<Store> {
  const file = join(path, dataFile)
  const isNew = !existsSync(file)
  if (!isNew) {
    checkDataFile(path, file)
    checkWitness(path, file)
    await checkWriteLock(path, lockFileOf(file))
  }
  try {
    const store = new Store(path, limits.bytesMax)
    if (isNew) syncFolders(path, path)
    return store
  } catch (error) {
    throw explainOpen(path, error)
  }
}

export class Store {
  readonly path: string
  readonly #file: string
  readonly #inode: number
  #bytesSeen: number
  readonly #mapBytes: number
  /** Another object after each `renewMap`: do not keep it. */
  db: RootDatabase<Buffer, Buffer>
  /** Set once; every later transaction is refused with it. */
  failure: Error | null = null
  #transactions = 0
  #bytesRead = 0
  #closed = false
  #renewing: Promise<void> | null = null
  #noteTimer: NodeJS.Timeout | null = null

  constructor (path: string, bytesMax: number) {
    this.path = path
    this.#mapBytes = Math.max(mapBytes, bytesMax * 4)
    this.#file = join(path, dataFile)
    this.db = openEnvironment(this.#file, this.#mapBytes)
    const { ino, size } = statSync(this.#file)
    this.#inode = ino
    this.#bytesSeen = size
  }

  /**
   * Throws LOG_RECREATED when the folder does not hold the file that is open (what is appended now would vanish with it),
   * LOG_DAMAGED when the file shrank: LMDB never shrinks it, and touching a missing page ends the process.
   */
  check (): void {
    const found = statSync(this.#file, { throwIfNoEntry: false })
    if (found?.ino !== this.#inode) throw fail('LOG_RECREATED', { path: this.path })
    if (found.size < this.#bytesSeen) {
      throw fail('LOG_DAMAGED', { path: this.path, what: `${this.#file} was cut off from ${this.#bytesSeen} to ${found.size} bytes while it was open` })
    }
    this.#bytesSeen = found.size
  }

  /**
   * Throws LOG_FULL when the file has outgrown its bound because a stopped reader pins pages that are free otherwise.
   * Pages that left the log are used again, so without such a reader the file stays near the bound.
   */
  checkPinned (bytesMax: number): void {
    if (this.#bytesSeen <= bytesMax * 2 + fileSlackBytes) return
    this.db.readerCheck() // frees the slots of processes that died
    const { lastTxnId } = this.db.getStats() as { lastTxnId: number }
    // Lines of "pid thread transaction", "-" where a slot holds no snapshot.
    for (const [, pid, transaction] of this.db.readerList().matchAll(/^\s*(\d+)\s+\S+\s+(\d+)\s*$/gm)) {
      if (lastTxnId - Number(transaction) < pinnedTransactionsMax) continue
      throw fail('LOG_FULL', { path: this.path, reason: `its file has ${this.#bytesSeen} bytes, since process ${pid} reads an old state of it and does not move: continue or end that process` })
    }
  }

  /**
   * Runs `change` inside a write transaction; resolves when its effect is on the disk. What `change` throws aborts nothing
   * by itself, so it must throw before its first put. Throws LOG_FULL, LOG_FAILED.
   */
  async transaction<T> (change: () => T): Promise<T> {
    while (this.#renewing !== null) await this.#renewing
    if (this.failure !== null) throw this.failure
    this.check()
    let thrown: unknown = null
    this.#transactions++
    try {
      const result = await this.db.transaction(() => {
        try {
          return change()
        } catch (error) {
          thrown = error
          throw error
        }
      })
      this.#noteTimer?.refresh()
      this.#noteTimer ??= setTimeout(() => { this.#note() }, quietMs).unref()
      return result
    } catch (error) {
      const cause = thrown ?? await commitErrorOf(error)
      if (cause instanceof FirnError) throw cause
      throw this.#explain(cause)
    } finally {
      this.#transactions--
    }
  }

  /** The stored bytes of a key, in memory that the next read uses again. */
  read (key: Buffer): Buffer | null {
    const bytes = this.db.getBinaryFast(key)
    if (bytes === undefined) return null
    const { lastSize } = this.db as unknown as { lastSize: number }
    this.#bytesRead += lastSize
    return bytes.subarray(0, lastSize) // lmdb puts a `length` of its own on this buffer; only a view has the true one
  }

  /** A small record that has to be there. Throws LOG_DAMAGED; `what` names it. */
  readRecord (key: Buffer, what: string): Buffer {
    const found = this.findRecord(key, what)
    if (found === null) throw fail('LOG_DAMAGED', { path: this.path, what: `its record of ${what} is gone` })
    return found
  }

  /** A small record, or null. Throws LOG_DAMAGED when it is not what was stored. */
  findRecord (key: Buffer, what: string): Buffer | null {
    const bytes = this.read(key)
    if (bytes === null) return null
    const body = unsealRecord(key, bytes)
    if (body === null) throw fail('LOG_DAMAGED', { path: this.path, what: `its record of ${what} does not match its checksum` })
    return body
  }

  /** Inside a write transaction. */
  putRecord (key: Buffer, body: Buffer): void {
    void this.db.put(key, sealRecord(key, body))
  }

  has (key: Buffer): boolean {
    return this.db.doesExist(key)
  }

  /** The greatest key below `key` and not below `from`. */
  keyBefore (key: Buffer, from: Buffer): Buffer | null {
    for (const found of this.db.getKeys({ start: key, end: from, reverse: true, limit: 1, inclusiveEnd: true } as object)) return Buffer.from(found)
    return null
  }

  /** The smallest key that is above `key` and below `to`. */
  keyAfter (key: Buffer, to: Buffer): Buffer | null {
    for (const found of this.db.getKeys({ start: key, end: to, exclusiveStart: true, limit: 1 } as object)) return Buffer.from(found)
    return null
  }

  /** The keys below `to`, in memory of their own. */
  keysBelow (to: Buffer): Buffer[] {
    return [...this.db.getKeys({ end: to })].map(found => Buffer.from(found))
  }

  /** The keys from `from` to below `to`, in memory of their own. */
  keysBetween (from: Buffer, to: Buffer): Buffer[] {
    return [...this.db.getKeys({ start: from, end: to } as object)].map(found => Buffer.from(found as Buffer))
  }

  explainRead (error: unknown): unknown {
    const code = (error as { code?: unknown }).code
    return typeof code === 'number' && damageCodes.has(code) ? fail('LOG_DAMAGED', { path: this.path, what: (error as Error).message }, error) : error
  }

  /** Lets go of the snapshot that reads hold, so that it pins no pages and the next read sees what is new. */
  releaseSnapshot (): void {
    if (!this.#closed) this.db.resetReadTxn()
  }

  /**
   * Pages that were read stay mapped and count as this process's memory: reading a large log would look like holding it.
   * Opens the file anew once much was read; call it where no snapshot is held.
   */
  async renewMap (): Promise<void> {
    while (this.#renewing !== null) await this.#renewing
    if (this.#bytesRead < bytesReadMax || this.#transactions > 0 || this.#closed || this.failure !== null) return
    this.#bytesRead = 0
    if (stoppedHolders(lockFileOf(this.#file)).length > 0) return // opening takes the write lock
    this.#renewing = this.#reopen()
    await this.#renewing
  }

  /** To be awaited until it is null, in the same turn as a read outside a transaction: a `renewMap` is under way. */
  get renewing (): Promise<void> | null {
    return this.#renewing
  }

  async close (): Promise<void> {
    this.#closed = true
    await this.#renewing
    await this.db.close()
    if (this.#noteTimer !== null) this.#note()
  }

  #note (): void {
    if (this.#noteTimer !== null) clearTimeout(this.#noteTimer)
    this.#noteTimer = null
    if (this.failure === null && statSync(this.#file, { throwIfNoEntry: false })?.ino === this.#inode) noteState(this.path, this.#file)
  }

  async #reopen (): Promise<void> {
    try {
      await this.db.close()
      this.check()
      this.db = openEnvironment(this.#file, this.#mapBytes)
    } catch (error) {
      this.failure = explainOpen(this.path, error) as Error
      throw this.failure
    } finally {
      this.#renewing = null
    }
  }

  #explain (cause: unknown): Error {
    const code = (cause as { code?: unknown } | null)?.code
    const reason = cause instanceof Error ? cause.message : String(cause)
    if (code === mapFull) return fail('LOG_FULL', { path: this.path, reason: 'its address space is used up' }, cause)
    if (typeof code === 'number' && noSpace.has(code) && reason.includes(pageWrite)) return fail('LOG_FULL', { path: this.path, reason: 'the disk has no space left' }, cause)
    this.failure = fail('LOG_FAILED', { path: this.path, reason }, cause)
    return this.failure
  }
}

function openEnvironment (file: string, mapSize: number): RootDatabase<Buffer, Buffer> {
  return openLmdb<Buffer, Buffer>({
    path: file,
    noSubdir: true,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
    // With batching by turn, a failed commit also rejects a promise that nobody can hold: the process would end.
    eventTurnBatching: false,
    compression: false,
    cache: false,
    mapSize
  })
}

function lockFileOf (file: string): string {
  return `${realpathSync(file)}-lock`
}

function explainOpen (path: string, error: unknown): unknown {
  if (error instanceof FirnError) return error
  const { code, message } = error as { code?: unknown, message: string }
  if (typeof code === 'number' && damageCodes.has(code)) return fail('LOG_DAMAGED', { path, what: message }, error)
  return fail('LOG_UNWRITABLE', { path, reason: message }, error)
}

/** lmdb rejects with "Commit failed" and keeps the reason in a promise of its own. */
async function commitErrorOf (error: unknown): Promise<unknown> {
  const reason = (error as { commitError?: Promise<never> }).commitError
  if (reason === undefined) return error
  try {
    return await reason
  } catch (cause) {
    return cause
  }
}
