/**
 * The state of the catalog: which namespaces exist, and which metadata file each table and view is at. SQLite in one file, a seal beside it.
 *
 * Every change is one transaction and is on the disk (write-ahead log, fsync, then the seal) when the call returns; after kill -9 it is there
 * whole or not at all. What is opened is what was answered, or it is refused with a sentence: rows are compared with their checksum and with
 * the seal. The file is locked for as long as this process lives, by the kernel, so a second server on the same folder is refused.
 * After a write that failed for another reason than space nothing more is written: a sync that failed may have lost pages in silence.
 */
import { randomUUID } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { reasonOf } from '../errors.ts'
import { RestError } from './errors.ts'
import { namespaceKey, namespaceOfKey, type Namespace } from './identifier.ts'
import { judgeState, readSeal, RowSum, SealFile, type StateSeal } from './state-seal.ts'
import type { TableIdentifier } from '../spec/types.ts'

export type EntryKind = 'table' | 'view'
export interface Entry {
  readonly kind: EntryKind
  readonly location: string
  /** The highest number of a metadata file that lay there when the table was registered; -1 without. */
  readonly known: number
}
export interface NamedEntry extends Entry { readonly id: TableIdentifier }
/** Moves a pointer: from what it must be now (null: absent) to what it shall be (null: gone). */
export interface PointerMove {
  readonly id: TableIdentifier
  readonly kind: EntryKind
  readonly from: string | null
  readonly to: string | null
  /** See `Entry`; without it what it was. */
  readonly known?: number
}

export interface PointerStoreOptions {
  readonly onFailure?: (error: Error) => void
  /** An operator's decision: take a state that is whole in itself, although changes that were answered are not in it. */
  readonly takeOlder?: boolean
}

/** `damaged` and `older`: the file is there and readable as far as that goes, but must not be used; the message says what to do. */
export class StateRefused extends Error {
  readonly kind: 'damaged' | 'older' | 'busy'

  constructor(kind: StateRefused['kind'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'StateRefused'
    this.kind = kind
  }
}

export const stateFile = 'catalog.sqlite'
export const sealFile = 'catalog.seal'
const layoutVersion = 2
const sealedLayout = 2
const sqliteBusy = 5
const sqliteFull = 13
/** SQLITE_ERROR (a name in the schema is not what it was), SQLITE_CORRUPT, SQLITE_NOTADB. */
const sqliteDamaged = [1, 11, 26]

const layoutSql = `CREATE TABLE IF NOT EXISTS namespace (name TEXT PRIMARY KEY, parent TEXT NOT NULL, properties TEXT NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS namespace_parent ON namespace (parent);
  CREATE TABLE IF NOT EXISTS entry (namespace TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, location TEXT NOT NULL,
    known INTEGER NOT NULL DEFAULT -1, PRIMARY KEY (namespace, name)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS seal (one INTEGER PRIMARY KEY CHECK (one = 1), catalog TEXT NOT NULL, changes INTEGER NOT NULL, sum TEXT NOT NULL);
  PRAGMA user_version = ${layoutVersion}`

/** What of a row is summed up. */
const rowsOf = {
  namespace: 'SELECT name, parent, properties FROM namespace',
  entry: 'SELECT namespace, name, kind, location, known FROM entry'
} as const
const rowOf = { namespace: `${rowsOf.namespace} WHERE name = ?`, entry: `${rowsOf.entry} WHERE namespace = ? AND name = ?` } as const

export class PointerStore {
  readonly path: string
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  readonly #onFailure: (error: Error) => void
  readonly #sealPath: string
  readonly #seal: SealFile
  readonly #sum = new RowSum()
  #catalog = ''
  #changes = 0
  #failure: Error | null = null

  /** Throws an Error with one clear sentence when the state cannot be had: locked, damaged, older than what was answered, not writable. */
  constructor(folder: string, options: PointerStoreOptions = {}) {
    this.path = join(resolve(folder), stateFile)
    this.#sealPath = join(resolve(folder), sealFile)
    this.#onFailure = options.onFailure ?? (() => {})
    makeFolder(resolve(folder))
    this.#db = this.#open(options.takeOlder ?? false)
    this.#seal = this.#openSeal()
  }

  get failure(): Error | null {
    return this.#failure
  }

  /** Before work that would be for nothing. */
  demandWritable(): void {
    if (this.#failure !== null) throw new RestError('ServiceUnavailableException', this.#failure.message, this.#failure)
  }

  namespaceProperties(namespace: Namespace): Record<string, string> | null {
    const row = this.#get('SELECT properties FROM namespace WHERE name = ?', namespaceKey(namespace))
    return row === undefined ? null : JSON.parse(String(row['properties'])) as Record<string, string>
  }

  /** Direct children, in order of name; the parent `[]` gives the top level. */
  childNamespaces(parent: Namespace): Namespace[] {
    const names = this.#all('SELECT name FROM namespace WHERE parent = ? ORDER BY name', namespaceKey(parent))
    return names.map(row => namespaceOfKey(String(row['name'])))
  }

  /** False when it exists already. */
  createNamespace(namespace: Namespace, properties: Record<string, string>): boolean {
    return this.#write(() => this.#addNamespace(namespace, properties))
  }

  updateNamespace(namespace: Namespace, properties: Record<string, string>): void {
    const key = namespaceKey(namespace)
    this.#write(() => {
      this.#forget('namespace', key)
      this.#run('UPDATE namespace SET properties = ? WHERE name = ?', JSON.stringify(properties), key)
      this.#count('namespace', key)
    })
  }

  /** Null when it is gone now, else what still lies in it. */
  dropNamespace(namespace: Namespace): 'namespace' | EntryKind | null {
    const key = namespaceKey(namespace)
    return this.#write(() => {
      if (this.#get('SELECT 1 FROM namespace WHERE parent = ? LIMIT 1', key) !== undefined) return 'namespace'
      const entry = this.#get('SELECT kind FROM entry WHERE namespace = ? LIMIT 1', key)
      if (entry !== undefined) return entry['kind'] as EntryKind
      this.#forget('namespace', key)
      this.#run('DELETE FROM namespace WHERE name = ?', key)
      return null
    })
  }

  find(id: TableIdentifier): Entry | null {
    const row = this.#get('SELECT kind, location, known FROM entry WHERE namespace = ? AND name = ?', namespaceKey(id.namespace), id.name)
    return row === undefined ? null : { kind: row['kind'] as EntryKind, location: String(row['location']), known: Number(row['known']) }
  }

  /** Every table and view. */
  all(): NamedEntry[] {
    return this.#all('SELECT namespace, name, kind, location, known FROM entry ORDER BY namespace, name').map(row => ({
      id: { namespace: namespaceOfKey(String(row['namespace'])), name: String(row['name']) },
      kind: row['kind'] as EntryKind, location: String(row['location']), known: Number(row['known'])
    }))
  }

  /** Names in order, after `after`. */
  list(namespace: Namespace, kind: EntryKind, after: string, count: number): string[] {
    return this.#all('SELECT name FROM entry WHERE namespace = ? AND kind = ? AND name > ? ORDER BY name LIMIT ?', namespaceKey(namespace), kind, after, count).map(row => String(row['name']))
  }

  isUsed(location: string): boolean {
    return this.#get('SELECT 1 FROM entry WHERE location = ? LIMIT 1', location) !== undefined
  }

  /** All moves or none. Returns the first whose pointer is not where it was expected, or null when all are done and on the disk. */
  move(moves: readonly PointerMove[], makeNamespaces: boolean): TableIdentifier | null {
    return this.#write(() => {
      for (const { id, kind, from } of moves) {
        const found = this.find(id)
        if ((found?.location ?? null) !== from || (found !== null && found.kind !== kind)) return id
        if (from === null && !makeNamespaces && this.namespaceProperties(id.namespace) === null) return id
      }
      for (const { id, kind, from, to, known } of moves) {
        const key = namespaceKey(id.namespace)
        if (from === null) this.#addNamespaces(id.namespace)
        const before = this.find(id)
        this.#forget('entry', key, id.name)
        if (to === null) this.#run('DELETE FROM entry WHERE namespace = ? AND name = ?', key, id.name)
        else {
          this.#run('INSERT INTO entry (namespace, name, kind, location, known) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET location = excluded.location, known = excluded.known',
            key, id.name, kind, to, known ?? before?.known ?? -1)
          this.#count('entry', key, id.name)
        }
      }
      return null
    })
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close()
    this.#seal.close()
  }

  #addNamespaces(namespace: Namespace): void {
    for (const index of namespace.keys()) this.#addNamespace(namespace.slice(0, index + 1), {})
  }

  #addNamespace(namespace: Namespace, properties: Record<string, string>): boolean {
    const key = namespaceKey(namespace)
    const added = this.#run('INSERT INTO namespace (name, parent, properties) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
      key, namespaceKey(namespace.slice(0, -1)), JSON.stringify(properties)) === 1
    if (added) this.#count('namespace', key)
    return added
  }

  #count(table: keyof typeof rowOf, ...key: string[]): void {
    const row = this.#get(rowOf[table], ...key)
    if (row !== undefined) this.#sum.add([table, ...Object.values(row)])
  }

  #forget(table: keyof typeof rowOf, ...key: string[]): void {
    const row = this.#get(rowOf[table], ...key)
    if (row !== undefined) this.#sum.remove([table, ...Object.values(row)])
  }

  #open(takeOlder: boolean): DatabaseSync {
    let db: DatabaseSync | undefined
    try {
      const seal = readSeal(this.#sealPath)
      db = new DatabaseSync(this.path, { timeout: 0 })
      db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF')
      db.exec('BEGIN EXCLUSIVE')
      const layout = Number(db.prepare('PRAGMA user_version').get()?.['user_version'])
      if (layout > layoutVersion) throw new Error(`it was written by a newer version (layout ${layout}, known ${layoutVersion})`)
      // The whole check: the quick one does not compare an index with its table.
      const check = String(db.prepare('PRAGMA integrity_check(1)').get()?.['integrity_check'])
      if (check !== 'ok') throw new StateRefused('damaged', check)
      this.#judge(db, layout, seal, takeOlder)
      db.exec('COMMIT')
      // What lies in the main file alone cannot be lost with the write-ahead log.
      db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      syncFolder(dirname(this.path))
      return db
    } catch (error) {
      if (db?.isOpen === true) db.close()
      throw this.#explainOpen(error)
    }
  }

  /** Adds up what is there, refuses what is not what was answered, and brings older layouts up to this one. */
  #judge(db: DatabaseSync, layout: number, seal: StateSeal | null, takeOlder: boolean): void {
    const tables = new Set(db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all().map(row => String(row['name'])))
    const isKnown = tables.has('namespace') && tables.has('entry')
    if (tables.has('seal') && !isKnown) throw new StateRefused('damaged', 'a table of it is gone')
    if (isKnown && !db.prepare('PRAGMA table_info(entry)').all().some(row => row['name'] === 'known')) db.exec('ALTER TABLE entry ADD COLUMN known INTEGER NOT NULL DEFAULT -1')
    db.exec(layoutSql)
    for (const [table, sql] of Object.entries(rowsOf)) for (const row of db.prepare(sql).iterate()) this.#sum.add([table, ...Object.values(row)])
    const recorded = db.prepare('SELECT catalog, changes, sum FROM seal').get() as StateSeal | undefined ?? null
    const sum = recorded === null ? '' : this.#sum.print(recorded.catalog, recorded.changes)
    const judged = judgeState({ layout, isEmpty: tables.size === 0, recorded, sum }, seal, sealedLayout)
    if (judged.kind === 'damaged' || (judged.kind === 'older' && !takeOlder)) throw new StateRefused(judged.kind, judged.reason)
    this.#catalog = recorded?.catalog ?? seal?.catalog ?? randomUUID()
    this.#changes = Math.max(recorded?.changes ?? 0, seal?.changes ?? 0)
    if (judged.kind !== 'sound') this.#changes += 1
    this.#writeSeal(db)
  }

  #openSeal(): SealFile {
    try {
      const file = new SealFile(this.#sealPath)
      file.write(this.#sealNow())
      syncFolder(dirname(this.path))
      return file
    } catch (error) {
      this.#db.close()
      throw this.#explainOpen(error)
    }
  }

  #sealNow(): StateSeal {
    return { catalog: this.#catalog, changes: this.#changes, sum: this.#sum.print(this.#catalog, this.#changes) }
  }

  #writeSeal(db: DatabaseSync): void {
    const { catalog, changes, sum } = this.#sealNow()
    db.prepare('INSERT INTO seal (one, catalog, changes, sum) VALUES (1, ?, ?, ?) ON CONFLICT DO UPDATE SET catalog = excluded.catalog, changes = excluded.changes, sum = excluded.sum').run(catalog, changes, sum)
  }

  #explainOpen(error: unknown): Error {
    if (codeOf(error) === sqliteBusy) return new StateRefused('busy', `the catalog's state ${this.path} is in use by another process: stop the other catalog server, or give this one a FIRN_DATA_DIR of its own`, error)
    const wayBack = 'the tables\' own files are not touched: restore the file from a backup, or let `npm run repair` find the tables in the warehouse'
    if (error instanceof StateRefused && error.kind === 'older') {
      return new StateRefused('older', `the catalog's state ${this.path} is not the newest (${error.message}): changes are lost, and nothing is built on what is left. Bring back the newest file; or \`npm run repair\` lists what the warehouse holds and registers it; or \`npm run repair -- --take-older\` goes on with the state as it lies`, error)
    }
    const message = `the catalog's state ${this.path} cannot be opened (${reasonOf(error)}): check the folder and its permissions; ${wayBack}`
    return error instanceof StateRefused || isDamage(error) ? new StateRefused('damaged', message, error) : new Error(message, { cause: error })
  }

  /** Runs a change as one transaction; what it throws or a failing commit leaves nothing behind. */
  #write<T>(change: () => T): T {
    this.demandWritable()
    const before = { sum: this.#sum.value, changes: this.#changes }
    let result: T
    try {
      this.#db.exec('BEGIN IMMEDIATE')
      result = change()
      if (this.#sum.value === before.sum) {
        this.#db.exec('ROLLBACK')
        return result
      }
      this.#changes += 1
      this.#writeSeal(this.#db)
      this.#db.exec('COMMIT')
    } catch (error) {
      this.#sum.value = before.sum
      this.#changes = before.changes
      throw this.#failed(error)
    }
    this.#sealChange()
    return result
  }

  /** Before the answer, so that the seal never knows less than a client. */
  #sealChange(): void {
    try {
      this.#seal.write(this.#sealNow())
    } catch (error) {
      throw this.#giveUp(error)
    }
  }

  #failed(error: unknown): Error {
    try {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
    } catch { /* the first error is the one to tell */ }
    const code = codeOf(error)
    if (code === undefined) return error as Error
    if (code === sqliteFull) return new RestError('ServiceUnavailableException', `no space left while writing ${this.path}: free space on that disk; nothing that was committed before is lost`, error)
    return this.#giveUp(error)
  }

  #giveUp(error: unknown): Error {
    this.#failure = new Error(`writing the catalog's state ${this.path} failed (${reasonOf(error)}): whether the last change is on the disk is not known; the server must start again`, { cause: error })
    this.#onFailure(this.#failure)
    return new RestError('CommitStateUnknownException', this.#failure.message, error)
  }

  #get(sql: string, ...values: string[]): Record<string, unknown> | undefined {
    return this.#statement(sql).get(...values)
  }

  #all(sql: string, ...values: (string | number)[]): Record<string, unknown>[] {
    return this.#statement(sql).all(...values)
  }

  #run(sql: string, ...values: (string | number)[]): number {
    return Number(this.#statement(sql).run(...values).changes)
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) this.#statements.set(sql, statement = this.#db.prepare(sql))
    return statement
  }
}

function isDamage(error: unknown): boolean {
  return sqliteDamaged.includes(codeOf(error) ?? -1)
}

function codeOf(error: unknown): number | undefined {
  // Extended codes carry the primary one in their low byte.
  const { errcode } = error as { errcode?: number }
  return errcode === undefined ? undefined : errcode & 0xff
}

function makeFolder(folder: string): void {
  try {
    const created = mkdirSync(folder, { recursive: true })
    if (created === undefined) return
    for (let path = folder; ; path = dirname(path)) {
      syncFolder(path)
      if (path === dirname(created) || path === dirname(path)) return
    }
  } catch (error) {
    throw new Error(`the catalog's folder ${folder} cannot be made (${reasonOf(error)}): check FIRN_DATA_DIR and its permissions`, { cause: error })
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
