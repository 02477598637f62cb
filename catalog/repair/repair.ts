/**
 * Ways back for a catalog whose state is lost, damaged or older than the warehouse, or that names the wrong metadata file. The line must not run:
 * the state is taken for as long as this works.
 *
 * Nothing of the warehouse is changed. A damaged state is put aside whole, never overwritten.
 */
import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { reasonOf } from '../errors.ts'
import { highestNumber, numberOf } from '../server/behind.ts'
import { printName } from '../server/identifier.ts'
import { PointerStore, sealFile, stateFile, StateRefused, type NamedEntry, type PointerMove } from '../server/pointer-store.ts'
import type { TableIdentifier } from '../spec/types.ts'
import type { Storage } from '../storage/storage.ts'
import { findTables, inspectFile, type FileReport, type TableFolder } from './find-tables.ts'

export interface RepairPlace { readonly dataDir: string, readonly warehouse: string, readonly storage: Storage }

/** What the state says: its tables, or why it cannot be used. */
export type StateReport =
  | { readonly kind: 'none' }
  | { readonly kind: 'sound', readonly entries: readonly NamedEntry[] }
  | { readonly kind: 'damaged' | 'older', readonly reason: string }
  /** A catalog runs on it: it can be asked. */
  | { readonly kind: 'busy' }

export interface FolderReport extends TableFolder {
  readonly reports: readonly FileReport[]
  readonly newestThatReads: FileReport | null
  /** Names under which the catalog knows a file of this folder, and which. */
  readonly known: readonly NamedEntry[]
}

export interface WarehouseReport { readonly state: StateReport, readonly folders: readonly FolderReport[] }

/** How far back the newest file that reads is looked for. */
const lookBackMax = 1000

/** `filesMax`: how many files of each folder are looked into, the newest first, and as many more as it takes to find one that reads. */
export async function inspectWarehouse(place: RepairPlace, filesMax: number, without: string | null = null): Promise<WarehouseReport> {
  const state = readState(place.dataDir)
  const entries = state.kind === 'sound' ? state.entries : []
  const folders: FolderReport[] = []
  for (const folder of await findTables(place.storage, place.warehouse)) {
    const reports = []
    for (const file of folder.files.slice(0, lookBackMax)) {
      if (reports.length >= filesMax && newestThatReads(reports) !== null) break
      reports.push(await inspectFile(place.storage, file, without))
    }
    folders.push({ ...folder, reports, newestThatReads: newestThatReads(reports), known: entries.filter(({ location }) => location.startsWith(`${folder.folder}/`)) })
  }
  return { state, folders }
}

function newestThatReads(reports: readonly FileReport[]): FileReport | null {
  return reports.find(({ unreadable, metadata }) => unreadable === null && metadata !== null) ?? null
}

export interface Registered { readonly id: TableIdentifier, readonly report: FileReport, readonly before: string | null, readonly putAside: string | null }

/** Points a name at a metadata file. Throws with one sentence when the file cannot be read or the name is not free for it. */
export async function registerFile(place: RepairPlace, location: string, as: TableIdentifier | null): Promise<Registered> {
  const report = await inspectFile(place.storage, { location, number: numberOf(location) ?? -1, modifiedMs: 0 })
  if (report.metadata === null || report.unreadable !== null) throw new Error(`${location} cannot be registered: ${report.unreadable ?? 'it is no table'}; choose another file of the list`)
  const id = as ?? (await findTables(place.storage, place.warehouse)).find(({ folder }) => location.startsWith(`${folder}/`))?.name ?? null
  if (id === null) throw new Error(`nothing tells the name of the table at ${location}: say it with --as namespace.name`)
  const { pointers, putAside } = openForRepair(place.dataDir)
  try {
    const found = pointers.find(id)
    if (found?.kind === 'view') throw new Error(`${printName(id)} is a view: choose another name with --as`)
    movePointers(pointers, [{ id, kind: 'table', from: found?.location ?? null, to: location, known: await highestNumber(place.storage, location) }])
    return { id, report, before: found?.location ?? null, putAside }
  } finally {
    pointers.close()
  }
}

/** The newest readable file of every folder that the catalog does not know, each under the name that its place tells. */
export async function registerAll(place: RepairPlace, filesMax: number): Promise<Registered[]> {
  const { state, folders } = await inspectWarehouse(place, filesMax)
  const registered: Registered[] = []
  for (const { name, known, newestThatReads: best } of folders) {
    const isTaken = registered.some(({ id }) => name !== null && printName(id) === printName(name)) || (state.kind === 'sound' && state.entries.some(({ id }) => name !== null && printName(id) === printName(name)))
    if (name === null || best === null || known.length > 0 || isTaken) continue
    registered.push(await registerFile(place, best.file.location, name))
  }
  return registered
}

/** Takes a state that is whole in itself although changes that were answered are not in it. */
export function takeOlder(dataDir: string): number {
  const pointers = new PointerStore(join(dataDir, 'catalog'), { takeOlder: true })
  try {
    return pointers.all().length
  } finally {
    pointers.close()
  }
}

function readState(dataDir: string): StateReport {
  const folder = join(dataDir, 'catalog')
  if (![stateFile, sealFile].some(file => existsSync(join(folder, file)))) return { kind: 'none' }
  try {
    const pointers = new PointerStore(folder)
    try {
      return { kind: 'sound', entries: pointers.all() }
    } finally {
      pointers.close()
    }
  } catch (error) {
    if (error instanceof StateRefused) return error.kind === 'busy' ? { kind: 'busy' } : { kind: error.kind, reason: reasonOf(error.cause) }
    throw error
  }
}

/** Registering is the operator's decision about an older state; a damaged one makes room for a new one. */
function openForRepair(dataDir: string): { pointers: PointerStore, putAside: string | null } {
  const folder = join(dataDir, 'catalog')
  try {
    return { pointers: new PointerStore(folder, { takeOlder: true }), putAside: null }
  } catch (error) {
    if (!(error instanceof StateRefused) || error.kind !== 'damaged') throw error
  }
  const putAside = join(folder, `damaged-${new Date().toISOString().replaceAll(':', '.')}`)
  mkdirSync(putAside)
  for (const name of readdirSync(folder)) if (name.startsWith(stateFile) || name === sealFile) renameSync(join(folder, name), join(putAside, name))
  return { pointers: new PointerStore(folder), putAside }
}

function movePointers(pointers: PointerStore, moves: readonly PointerMove[]): void {
  const late = pointers.move(moves, true)
  if (late !== null) throw new Error(`${printName(late)} changed meanwhile: run the command again`)
}
