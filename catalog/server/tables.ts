/**
 * Tables: create, load, register, rename, drop. Commits are in `commits.ts`.
 *
 * The order that keeps the promise: metadata file on disk, then the pointer on disk, then the reply. A step that fails leaves at most a file
 * that nobody points at.
 */
import { randomUUID } from 'node:crypto'
import { RestError } from './errors.ts'
import { highestNumber } from './behind.ts'
import { checkName, nameKey, namespaceKey, printName, type Namespace } from './identifier.ts'
import type { StoredTable } from './metadata-files.ts'
import { admitNamespace, demandNamespace } from './namespaces.ts'
import { chooseLocation } from './new-location.ts'
import { demandMetadataInside, explainNamed } from './places.ts'
import type { EntryKind, PointerMove } from './pointer-store.ts'
import { purgeTable } from './purge.ts'
import type { CreateTable, RegisterTable, Rename } from './requests.ts'
import type { CatalogState } from './state.ts'
import { printJson } from '../spec/json.ts'
import { createMetadata } from '../spec/new-table.ts'
import type { TableIdentifier, TableMetadata } from '../spec/types.ts'

/** A new table; with `stage-create` its metadata only, stored nowhere. */
export async function createTable(state: CatalogState, namespace: Namespace, request: CreateTable): Promise<StoredTable | { location: null, metadata: TableMetadata, json: Buffer }> {
  admitNamespace(state, namespace)
  const id = { namespace, name: checkName(request.name, 'table') }
  return await inTurn(state, [id], async () => {
    demandFree(state, id, 'table')
    const metadata = createMetadata(request, { location: request.location ?? await chooseLocation(state, id), uuid: randomUUID(), nowMs: state.clock() })
    demandMetadataInside(state.demandInside, metadata, null)
    if (request['stage-create'] === true) return { location: null, metadata, json: Buffer.from(printJson(metadata)) }
    const stored = await state.files.write(metadata, null)
    movePointers(state, [{ id, kind: 'table', from: null, to: stored.location }], 'AlreadyExistsException')
    return stored
  })
}

export async function loadTable(state: CatalogState, id: TableIdentifier): Promise<StoredTable> {
  const location = demandTable(state, id)
  await state.files.demandFile(location)
  await state.newest.demand(id, location)
  return await state.files.readTable(location)
}

/** Takes over a table by its metadata file; with `overwrite` an existing table of that name is pointed there. */
export async function registerTable(state: CatalogState, namespace: Namespace, request: RegisterTable): Promise<StoredTable> {
  admitNamespace(state, namespace)
  const id = { namespace, name: checkName(request.name, 'table') }
  return await inTurn(state, [id], async () => {
    const found = state.pointers.find(id)
    if (found !== null && !(request.overwrite === true && found.kind === 'table')) demandFree(state, id, 'table')
    const named = request['metadata-location']
    state.demandInside(named, 'metadata-location')
    const stored = await state.files.readTable(named).catch((error: unknown) => { throw explainNamed(named, error) })
    demandMetadataInside(state.demandInside, stored.metadata, null)
    const known = await highestNumber(state.storage, stored.location)
    movePointers(state, [{ id, kind: 'table', from: found?.location ?? null, to: stored.location, known }], 'AlreadyExistsException')
    return stored
  })
}

export async function rename(state: CatalogState, kind: EntryKind, { source, destination }: Rename): Promise<void> {
  checkName(destination.name, kind)
  const what = kind === 'table' ? 'Table' : 'View'
  await inTurn(state, [source, destination], async () => {
    const found = state.pointers.find(source)
    if (found?.kind !== kind) throw new RestError(kind === 'table' ? 'NoSuchTableException' : 'NoSuchViewException', `Cannot rename ${printName(source)} to ${printName(destination)}. ${what} does not exist`)
    if (printName(source) === printName(destination) && nameKey(source) === nameKey(destination)) return
    demandNamespace(state.pointers, destination.namespace)
    const taken = state.pointers.find(destination)
    if (taken !== null) throw new RestError('AlreadyExistsException', `Cannot rename ${printName(source)} to ${printName(destination)}. ${taken.kind === 'table' ? 'Table' : 'View'} already exists`)
    movePointers(state, [{ id: source, kind, from: found.location, to: null }, { id: destination, kind, from: null, to: found.location, known: found.known }], 'CommitFailedException')
  })
}

/** With `purge` the files of the table go as well, after the pointer is gone for good. */
export async function dropTable(state: CatalogState, id: TableIdentifier, purge: boolean): Promise<void> {
  const location = await inTurn(state, [id], async () => {
    const found = demandTable(state, id)
    movePointers(state, [{ id, kind: 'table', from: found, to: null }], 'CommitFailedException')
    return found
  })
  if (purge) state.behind(purgeTable(state, location))
}

/** Where the table is. Throws NoSuchTableException, or NoSuchNamespaceException. */
export function demandTable(state: CatalogState, id: TableIdentifier): string {
  const found = state.pointers.find(id)
  if (found?.kind === 'table') return found.location
  throw new RestError('NoSuchTableException', `Table does not exist: ${printName(id)}`)
}

/** Throws AlreadyExistsException when a table or view has this name. */
export function demandFree(state: CatalogState, id: TableIdentifier, wanted: EntryKind): void {
  const found = state.pointers.find(id)
  if (found === null) return
  const what = found.kind === 'table' ? 'Table' : 'View'
  throw new RestError('AlreadyExistsException', `${what} ${found.kind === wanted ? '' : 'with same name '}already exists: ${printName(id)}`)
}

/** Durable when it returns. A pointer that is not where it was expected means that somebody else was first. */
export function movePointers(state: CatalogState, moves: readonly PointerMove[], refusal: 'AlreadyExistsException' | 'CommitFailedException'): void {
  const late = state.pointers.move(moves, !state.namespaceRequired)
  if (late === null) return
  if (state.namespaceRequired) demandNamespace(state.pointers, late.namespace)
  throw new RestError(refusal, `Cannot commit ${printName(late)}: it was created, changed or dropped concurrently`)
}

/** Changes to the same names run one after the other. */
export async function inTurn<T>(state: CatalogState, ids: readonly TableIdentifier[], work: () => Promise<T>): Promise<T> {
  state.pointers.demandWritable()
  return await state.turns.take(ids.map(id => `${namespaceKey(id.namespace)}\u0000${id.name}`), work)
}
