/** Views: create, load, replace, register, drop. They share names and the rules of durability with tables. */
import { randomUUID } from 'node:crypto'
import { checkViewRequirements } from '../spec/requirements.ts'
import { ChangeRefused } from '../spec/refused.ts'
import { applyViewUpdates } from '../spec/view-update.ts'
import type { TableIdentifier } from '../spec/types.ts'
import type { ViewMetadata, ViewUpdate } from '../spec/view-types.ts'
import { RestError } from './errors.ts'
import { checkName, printName, type Namespace } from './identifier.ts'
import type { StoredView } from './metadata-files.ts'
import { admitNamespace } from './namespaces.ts'
import { chooseLocation } from './new-location.ts'
import { demandMetadataInside, explainNamed } from './places.ts'
import type { CommitView, CreateView, RegisterTable } from './requests.ts'
import type { CatalogState } from './state.ts'
import { demandFree, inTurn, movePointers } from './tables.ts'

export async function createView(state: CatalogState, namespace: Namespace, request: CreateView): Promise<StoredView> {
  admitNamespace(state, namespace)
  const id = { namespace, name: checkName(request.name, 'view') }
  const foreign = request['view-version'].representations.filter(({ type }) => type !== 'sql').map(({ type }) => type)
  if (foreign.length > 0) throw new RestError('BadRequestException', `Found unsupported view representations: [${foreign.join(', ')}]`)
  if (request['view-version'].representations.length === 0) throw new RestError('BadRequestException', 'Cannot create view without specifying a query')
  return await inTurn(state, [id], async () => {
    demandFree(state, id, 'view')
    const updates: ViewUpdate[] = [
      { 'action': 'set-location', 'location': request.location ?? await chooseLocation(state, id) },
      { 'action': 'set-properties', 'updates': request.properties ?? {} },
      { 'action': 'add-schema', 'schema': request.schema },
      { 'action': 'add-view-version', 'view-version': { ...request['view-version'], 'version-id': 1, 'schema-id': -1 } },
      { 'action': 'set-current-view-version', 'view-version-id': -1 }
    ]
    const metadata = applyChange(null, updates, { nowMs: state.clock(), uuid: randomUUID() })
    demandMetadataInside(state.demandInside, metadata, null)
    const stored = await state.files.write(metadata, null)
    movePointers(state, [{ id, kind: 'view', from: null, to: stored.location }], 'AlreadyExistsException')
    return stored
  })
}

export async function loadView(state: CatalogState, id: TableIdentifier): Promise<StoredView> {
  const location = demandView(state, id)
  await state.files.demandFile(location)
  return await state.files.readView(location)
}

export async function commitView(state: CatalogState, id: TableIdentifier, change: CommitView): Promise<StoredView> {
  return await inTurn(state, [id], async () => {
    const base = await state.files.readView(demandView(state, id))
    checkViewRequirements(base.metadata, change.requirements ?? [])
    const metadata = applyChange(base.metadata, change.updates, { nowMs: state.clock(), uuid: base.metadata['view-uuid'] })
    if (metadata === base.metadata) return base
    demandMetadataInside(state.demandInside, metadata, base.metadata)
    const stored = await state.files.write(metadata, base.location)
    movePointers(state, [{ id, kind: 'view', from: base.location, to: stored.location }], 'CommitFailedException')
    return stored
  })
}

export async function registerView(state: CatalogState, namespace: Namespace, request: RegisterTable): Promise<StoredView> {
  admitNamespace(state, namespace)
  const id = { namespace, name: checkName(request.name, 'view') }
  return await inTurn(state, [id], async () => {
    demandFree(state, id, 'view')
    const named = request['metadata-location']
    state.demandInside(named, 'metadata-location')
    const stored = await state.files.readView(named).catch((error: unknown) => { throw explainNamed(named, error) })
    demandMetadataInside(state.demandInside, stored.metadata, null)
    movePointers(state, [{ id, kind: 'view', from: null, to: stored.location }], 'AlreadyExistsException')
    return stored
  })
}

/** The metadata file stays: the view can be registered again from it. */
export async function dropView(state: CatalogState, id: TableIdentifier): Promise<void> {
  await inTurn(state, [id], async () => {
    const location = demandView(state, id)
    movePointers(state, [{ id, kind: 'view', from: location, to: null }], 'CommitFailedException')
  })
}

export function demandView(state: CatalogState, id: TableIdentifier): string {
  const found = state.pointers.find(id)
  if (found?.kind === 'view') return found.location
  throw new RestError('NoSuchViewException', `View does not exist: ${printName(id)}`)
}

/** Iceberg's clients turn this type back into the error that their own view builder throws. */
function applyChange(base: ViewMetadata | null, updates: readonly ViewUpdate[], context: { nowMs: number, uuid: string }): ViewMetadata {
  try {
    return applyViewUpdates(base, updates, context)
  } catch (error) {
    throw error instanceof ChangeRefused && error.kind === 'invalid' ? new RestError('IllegalArgumentException', error.message, error) : error
  }
}
