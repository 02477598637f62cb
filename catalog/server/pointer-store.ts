/**
 * The state of the catalog: which namespaces exist, and which metadata file each table and view is at. SQLite in one file.
 *
 * Every change is one transaction and is on the disk (write-ahead log, fsync) when the call returns; after kill -9 it is there whole or not
 * at all. The file is locked for as long as this process lives, by the kernel, so a second server on the same folder is refused.
 * After a write that failed for another reason than space nothing more is written: a sync that failed may have lost pages in silence.
 */
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { reasonOf } from '../errors.ts'
import { RestError } from './errors.ts'
import { namespaceKey, namespaceOfKey, type Namespace } from './identifier.ts'
import type { TableIdentifier } from '../spec/types.ts'

export type EntryKind = 'table' | 'view'
export interface Entry { readonly kind: EntryKind, readonly location: string }
/** Moves a pointer: from what it must be now (null: absent) to what it shall be (null: gone). */
export interface PointerMove { readonly id: TableIdentifier, readonly kind: EntryKind, readonly from: string | null, readonly to: string | null }

const stateFile = 'catalog.sqlite'
const layoutVersion = 1
const sqliteBusy = 5
const sqliteFull = 13

export class PointerStore {
  readonly path: string
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  readonly #onFailure: (error: Error) => void
  #failure: Error | null = null

  /** Throws an Error with one clear sentence when the state cannot be had: locked, damaged, not writable. */
  constructor(folder: string, onFailure: (error: Error) => void = () => {}) {
    this.path = join(resolve(folder), stateFile)
    this.#onFailure = onFailure
    makeFolder(resolve(folder))
    this.#db = this.#open()
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
    this.#write(() => this.#run('UPDATE namespace SET properties = ? WHERE name = ?', JSON.stringify(properties), namespaceKey(namespace)))
  }

  /** Null when it is gone now, else what still lies in it. */
  dropNamespace(namespace: Namespace): 'namespace' | EntryKind | null {
    const key = namespaceKey(namespace)
    return this.#write(() => {
      if (this.#get('SELECT 1 FROM namespace WHERE parent = ? LIMIT 1', key) !== undefined) return 'namespace'
      const entry = this.#get('SELECT kind FROM entry WHERE namespace = ? LIMIT 1', key)
      if (entry !== undefined) return entry['kind'] as EntryKind
      this.#run('DELETE FROM namespace WHERE name = ?', key)
      return null
    })
  }

  find(id: TableIdentifier): Entry | null {
    const row = this.#get('SELECT kind, location FROM entry WHERE namespace = ? AND name = ?', namespaceKey(id.namespace), id.name)
    return row === undefined ? null : { kind: row['kind'] as EntryKind, location: String(row['location']) }
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
      for (const { id, kind, from, to } of moves) {
        const key = namespaceKey(id.namespace)
        if (from === null) this.#addNamespaces(id.namespace)
        if (to === null) this.#run('DELETE FROM entry WHERE namespace = ? AND name = ?', key, id.name)
        else this.#run('INSERT INTO entry (namespace, name, kind, location) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET location = excluded.location', key, id.name, kind, to)
      }
      return null
    })
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close()
  }

  #addNamespaces(namespace: Namespace): void {
    for (const index of namespace.keys()) this.#addNamespace(namespace.slice(0, index + 1), {})
  }

  #addNamespace(namespace: Namespace, properties: Record<string, string>): boolean {
    return this.#run('INSERT INTO namespace (name, parent, properties) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
      namespaceKey(namespace), namespaceKey(namespace.slice(0, -1)), JSON.stringify(properties)) === 1
  }

  #open(): DatabaseSync {
    let db: DatabaseSync | undefined
    try {
      db = new DatabaseSync(this.path, { timeout: 0 })
      db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF')
      db.exec('BEGIN EXCLUSIVE')
      const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'])
      if (version > layoutVersion) throw new Error(`it was written by a newer version (layout ${version}, known ${layoutVersion})`)
      const check = String(db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'])
      if (check !== 'ok') throw new Error(check)
      db.exec(`CREATE TABLE IF NOT EXISTS namespace (name TEXT PRIMARY KEY, parent TEXT NOT NULL, properties TEXT NOT NULL) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS namespace_parent ON namespace (parent);
        CREATE TABLE IF NOT EXISTS entry (namespace TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, location TEXT NOT NULL, PRIMARY KEY (namespace, name)) WITHOUT ROWID;
        PRAGMA user_version = ${layoutVersion}; COMMIT`)
      syncFolder(dirname(this.path))
      return db
    } catch (error) {
      if (db?.isOpen === true) db.close()
      throw this.#explainOpen(error)
    }
  }

  #explainOpen(error: unknown): Error {
    const code = codeOf(error)
    if (code === sqliteBusy) return new Error(`the catalog's state ${this.path} is in use by another process: stop the other catalog server, or give this one a FIRN_DATA_DIR of its own`, { cause: error })
    return new Error(`the catalog's state ${this.path} cannot be opened (${reasonOf(error)}): check the folder and its permissions, or restore the file from a backup; the tables' own files are not touched`, { cause: error })
  }

  /** Runs a change as one transaction; what it throws or a failing commit leaves nothing behind. */
  #write<T>(change: () => T): T {
    this.demandWritable()
    try {
      this.#db.exec('BEGIN IMMEDIATE')
      const result = change()
      this.#db.exec('COMMIT')
      return result
    } catch (error) {
      throw this.#failed(error)
    }
  }

  #failed(error: unknown): Error {
    try {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
    } catch { /* the first error is the one to tell */ }
    const code = codeOf(error)
    if (code === undefined) return error as Error
    if (code === sqliteFull) return new RestError('ServiceUnavailableException', `no space left while writing ${this.path}: free space on that disk; nothing that was committed before is lost`, error)
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

  #run(sql: string, ...values: string[]): number {
    return Number(this.#statement(sql).run(...values).changes)
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) this.#statements.set(sql, statement = this.#db.prepare(sql))
    return statement
  }
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
