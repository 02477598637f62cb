/**
 * Commits to tables: requirements checked against what is there now, updates applied, metadata on disk, pointers swapped, all on disk before
 * the reply.
 *
 * Commits to one table take turns, so one whose requirements hold is never lost to a race; several tables change together or not at all.
 * A reply other than success means that nothing changed, save CommitStateUnknownException, which says that it does not know.
 */
import { applyUpdates } from '../spec/metadata-update.ts'
import { checkRequirements, isCreate } from '../spec/requirements.ts'
import type { TableIdentifier, TableMetadata } from '../spec/types.ts'
import { RestError } from './errors.ts'
import { checkName, nameKey, printName } from './identifier.ts'
import type { StoredTable } from './metadata-files.ts'
import { admitNamespace } from './namespaces.ts'
import { demandMetadataInside } from './places.ts'
import type { CommitTable } from './requests.ts'
import type { CatalogState } from './state.ts'
import { demandFree, demandTable, inTurn, movePointers } from './tables.ts'

export interface TableCommit { readonly id: TableIdentifier, readonly change: CommitTable }

interface Staged { readonly id: TableIdentifier, readonly base: StoredTable | null, readonly next: StoredTable }

export async function commitTable(state: CatalogState, id: TableIdentifier, change: CommitTable): Promise<StoredTable> {
  const named = change.identifier
  if (named !== undefined && nameKey(named) !== nameKey(id)) throw new RestError('BadRequestException', `Invalid request: the body names ${printName(named)}, the path ${printName(id)}`)
  const [stored] = await commitTables(state, [{ id, change }])
  return stored as StoredTable
}

/** All changes or none. */
export async function commitTables(state: CatalogState, commits: readonly TableCommit[]): Promise<StoredTable[]> {
  const twice = commits.find(({ id }, index) => commits.findIndex(other => nameKey(other.id) === nameKey(id)) !== index)
  if (twice !== undefined) throw new RestError('BadRequestException', `Invalid transaction: it changes ${printName(twice.id)} more than once`)
  return await inTurn(state, commits.map(({ id }) => id), async () => {
    const plans = []
    for (const { id, change } of commits) plans.push({ id, ...await plan(state, id, change) })
    const staged: Staged[] = []
    try {
      for (const { id, base, metadata } of plans) {
        staged.push({ id, base, next: base?.metadata === metadata ? base : await state.files.write(metadata, base?.location ?? null) })
      }
    } catch (error) {
      // No pointer was moved: what was written before the failure is nobody's.
      await discard(state, staged)
      throw explainWrite(error)
    }
    await swap(state, staged)
    state.behind(trim(state, staged))
    return staged.map(({ next }) => next)
  })
}

async function plan(state: CatalogState, id: TableIdentifier, change: CommitTable): Promise<{ base: StoredTable | null, metadata: TableMetadata }> {
  if (isCreate(change.requirements)) {
    admitNamespace(state, id.namespace)
    checkName(id.name, 'table')
    const found = state.pointers.find(id)
    if (found?.kind === 'view') demandFree(state, id, 'table')
    if (found !== null) throw new RestError('CommitFailedException', `Requirement failed: table already exists: ${printName(id)}`)
    const created = applyUpdates(null, change.updates, { nowMs: state.clock() })
    demandMetadataInside(state.demandInside, created, null)
    return { base: null, metadata: created }
  }
  const location = demandTable(state, id)
  await state.newest.demand(id, location)
  const base = await state.files.readTable(location)
  checkRequirements(base.metadata, change.requirements)
  const metadata = applyUpdates(base.metadata, change.updates, { nowMs: state.clock(), baseLocation: base.location })
  demandMetadataInside(state.demandInside, metadata, base.metadata)
  return { base, metadata }
}

async function swap(state: CatalogState, staged: readonly Staged[]): Promise<void> {
  const moves = staged.filter(({ base, next }) => base !== next).map(({ id, base, next }) => ({ id, kind: 'table' as const, from: base?.location ?? null, to: next.location }))
  if (moves.length === 0) return
  try {
    movePointers(state, moves, 'CommitFailedException')
  } catch (error) {
    // Only a refusal says for sure that nobody points at the new files.
    if (error instanceof RestError && error.type !== 'CommitStateUnknownException') await discard(state, staged)
    throw error
  }
}

/** Deletes the metadata files that fell off the log, for tables that ask for it. */
async function trim(state: CatalogState, staged: readonly Staged[]): Promise<void> {
  for (const { base, next } of staged) {
    if (base === null || base === next || next.metadata.properties['write.metadata.delete-after-commit.enabled'] !== 'true') continue
    const kept = new Set(next.metadata['metadata-log'].map(entry => entry['metadata-file']))
    const fallen = base.metadata['metadata-log'].map(entry => entry['metadata-file']).filter(file => !kept.has(file) && !state.pointers.isUsed(file))
    if (fallen.length > 0) await state.files.delete(fallen)
  }
}

async function discard(state: CatalogState, staged: readonly Staged[]): Promise<void> {
  const written = staged.filter(({ base, next }) => base !== next).map(({ next }) => next.location)
  await state.files.delete(written).catch((error: unknown) => { state.logger.warn({ err: error, written }, 'metadata files of a refused commit could not be deleted') })
}

/** A metadata file that could not be put on disk: the table stayed where it was. */
function explainWrite(error: unknown): Error {
  if (error instanceof RestError || (error as { code?: string }).code !== 'STORAGE_UNWRITABLE') return error as Error
  return new RestError('CommitStateUnknownException', (error as Error).message, error)
}
