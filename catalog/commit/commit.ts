/**
 * The commit loop: the only place that retries commits.
 *
 * A commit has three outcomes. Landed: the reply's metadata is the next base. Conflict: reload, stage again on what is there now, with backoff.
 * Unknown (timeout, 5xx, cut reply): it may have landed, so our snapshot id is looked for, the identical bytes are sent again while `main`
 * has not moved, and no file is deleted. Re-sending is safe because the request asserts the main it was staged on.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { forgetBatch, settleSnapshot, type StageAbandoned, type StagedChange } from '../actions/stage-snapshot.ts'
import { printIdentifier, type Catalog, type CommitReply, type LoadedTable } from '../catalogs/catalog.ts'
import { CatalogError, isCatalogError, reasonOf } from '../errors.ts'
import { mainSnapshotId, snapshotById } from '../spec/snapshot.ts'
import type { TableChange } from '../spec/types.ts'
import type { Storage } from '../storage/storage.ts'
import { filesAfterLanding, isCertain, type Attempt } from './attempts.ts'

export interface CommitContext {
  readonly catalog: Catalog
  readonly storage: Storage
  /** The newest known state of the table: the first attempt's base, so that a commit needs no GET. */
  readonly table: LoadedTable
  readonly clock?: (() => number) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface CommitOptions {
  /** Conflicts in a row before giving up. */
  readonly conflictsMax?: number
  readonly backoffMsMin?: number
  readonly backoffMsMax?: number
  /** How long an unknown outcome is pursued. */
  readonly unknownMsMax?: number
  readonly random?: () => number
}

export type CommitOutcome =
  | { readonly kind: 'landed', readonly snapshotId: bigint, readonly table: LoadedTable }
  /** The stage gave up. `certain`: no attempt of it can land any more, so the files of the batch may be deleted. */
  | { readonly kind: 'abandoned', readonly reason: string, readonly table: LoadedTable, readonly certain: boolean }
  | { readonly kind: 'failed', readonly error: CatalogError }

export type Stage = (base: LoadedTable, attempt: number) => Promise<StagedChange | StageAbandoned>

const defaults = { conflictsMax: 50, backoffMsMin: 20, backoffMsMax: 5_000, unknownMsMax: 120_000, random: Math.random }

/** Commits one snapshot. `stage` is called for each attempt on the exact metadata that is asserted; errors it throws pass through. */
export async function commitSnapshot(context: CommitContext, snapshotId: bigint, stage: Stage, options: CommitOptions = {}): Promise<CommitOutcome> {
  const limits = { ...defaults, ...options }
  const attempts: Attempt[] = []
  let base = context.table
  for (let attempt = 1; ; attempt++) {
    if (snapshotById(base.metadata, snapshotId) !== undefined) return land(context, base, snapshotId, attempts)
    if (base.metadata['table-uuid'] !== context.table.metadata['table-uuid']) return { kind: 'failed', error: replacedError(context, base) }
    const staged = await stage(base, attempt)
    if (staged.kind === 'abandon') return abandon(context, base, snapshotId, staged.reason, attempts)
    const sent: Attempt = { list: staged.snapshot['manifest-list'], files: staged.attemptFiles, fate: 'open' }
    attempts.push(sent)
    const reply = await context.catalog.commitTable(base.id, staged.change)
    const settled = reply.kind === 'unknown' ? await resolveUnknown(context, base, snapshotId, staged.change, reply, limits) : reply
    if (settled.kind === 'landed') return land(context, settled.table, snapshotId, attempts)
    if (settled.kind === 'failed') return settled
    // Some servers answer 400 or 422 to a copy of a commit that landed: look before believing a refusal.
    const found = await reload(context, limits)
    if (isCatalogError(found)) return settled.kind === 'refused' ? { kind: 'failed', error: settled.error } : { kind: 'failed', error: found }
    // No requirement asserts the format version: what was staged for the older one is refused, and right on the newer when it is staged anew.
    const isUpgraded = found.metadata['format-version'] !== base.metadata['format-version']
    if (settled.kind === 'refused' && !isUpgraded && snapshotById(found.metadata, snapshotId) === undefined) return { kind: 'failed', error: settled.error }
    if (settled.kind === 'conflict') {
      // The answer may be that to a copy of our own landed request; and while main has not moved, a copy can still land.
      if (reply.kind === 'conflict' && hasLost(found, base, snapshotId)) sent.fate = 'lost'
      if (attempt >= limits.conflictsMax && snapshotById(found.metadata, snapshotId) === undefined) {
        return { kind: 'failed', error: new CatalogError('CATALOG_COMMIT_CONFLICTS', { table: printIdentifier(base.id), attempts: attempt, attemptsMax: limits.conflictsMax, reason: settled.reason }) }
      }
      await pause(backoff(attempt, limits), context.signal)
    }
    base = found
  }
}

/** A change of metadata alone (schema, properties). `plan` says what is still missing on a base; null means nothing, and ends the loop. */
export async function commitChange(context: CommitContext, plan: (base: LoadedTable) => TableChange | null, options: CommitOptions = {}): Promise<LoadedTable> {
  const limits = { ...defaults, ...options }
  const deadline = Date.now() + limits.unknownMsMax
  let base = context.table
  for (let attempt = 1; ; attempt++) {
    if (base.metadata['table-uuid'] !== context.table.metadata['table-uuid']) throw replacedError(context, base)
    const change = plan(base)
    if (change === null) return base
    const reply = await context.catalog.commitTable(base.id, change)
    if (reply.kind === 'landed') return reply.table
    if (reply.kind === 'refused') throw reply.error
    if (reply.kind === 'unknown' && Date.now() > deadline) throw reply.cause
    if (attempt >= limits.conflictsMax) {
      throw new CatalogError('CATALOG_COMMIT_CONFLICTS', { table: printIdentifier(base.id), attempts: attempt, attemptsMax: limits.conflictsMax, reason: reply.kind === 'conflict' ? reply.reason : reasonOf(reply.cause) })
    }
    await pause(reply.kind === 'unknown' ? reply.retryAfterMs ?? backoff(attempt, limits) : backoff(attempt, limits), context.signal)
    // Whether it landed shows in what the next plan finds missing.
    const found = await reload(context, limits)
    if (isCatalogError(found)) throw found
    base = found
  }
}

type Limits = typeof defaults & CommitOptions
type Settled = Exclude<CommitReply, { kind: 'unknown' }> | { kind: 'failed', error: CatalogError }

async function resolveUnknown(context: CommitContext, base: LoadedTable, snapshotId: bigint, change: TableChange, first: CommitReply & { kind: 'unknown' }, limits: Limits): Promise<Settled> {
  const deadline = Date.now() + limits.unknownMsMax
  let reply: CommitReply = first
  for (let attempt = 1; ; attempt++) {
    if (reply.kind !== 'unknown') return reply
    if (Date.now() > deadline) {
      return { kind: 'failed', error: new CatalogError('CATALOG_COMMIT_UNKNOWN', { snapshotId, table: printIdentifier(base.id), unknownMsMax: limits.unknownMsMax }, reply.cause) }
    }
    await pause(reply.retryAfterMs ?? backoff(attempt, limits), context.signal)
    let found: LoadedTable
    try {
      found = await context.catalog.loadTable(base.id)
    } catch (error) {
      if (isCatalogError(error) && !error.retryable) return { kind: 'refused', error }
      continue
    }
    if (snapshotById(found.metadata, snapshotId) !== undefined) return { kind: 'landed', table: found }
    if (found.metadata['table-uuid'] !== base.metadata['table-uuid']) return { kind: 'failed', error: replacedError(context, found) }
    // Our request asserts the old main, so once main has moved it can never land any more: the same as a conflict.
    if (mainSnapshotId(found.metadata) !== mainSnapshotId(base.metadata)) return { kind: 'conflict', reason: 'main moved while the outcome was unknown' }
    reply = await context.catalog.commitTable(base.id, change)
  }
}

async function reload(context: CommitContext, limits: Limits): Promise<LoadedTable | CatalogError> {
  const deadline = Date.now() + limits.unknownMsMax
  for (let attempt = 1; ; attempt++) {
    try {
      return await context.catalog.loadTable(context.table.id)
    } catch (error) {
      if (!isCatalogError(error)) throw error
      if (!error.retryable || Date.now() > deadline) return error
      await pause(backoff(attempt, limits), context.signal)
    }
  }
}

/** The request asserts the main that it was staged on: once main is another, without our snapshot, it can never land. */
function hasLost(found: LoadedTable, base: LoadedTable, snapshotId: bigint): boolean {
  return snapshotById(found.metadata, snapshotId) === undefined && mainSnapshotId(found.metadata) !== mainSnapshotId(base.metadata)
}

function land(context: CommitContext, table: LoadedTable, snapshotId: bigint, attempts: readonly Attempt[]): CommitOutcome {
  const orphans = filesAfterLanding(attempts, snapshotById(table.metadata, snapshotId)?.['manifest-list'])
  if (orphans.length > 0) void context.storage.delete(orphans).catch(() => undefined)
  settleSnapshot(context.storage, table, snapshotId)
  return { kind: 'landed', snapshotId, table }
}

function abandon(context: CommitContext, table: LoadedTable, snapshotId: bigint, reason: string, attempts: readonly Attempt[]): CommitOutcome {
  const certain = isCertain(attempts)
  const left = certain ? [...attempts.flatMap(({ files }) => files), ...forgetBatch(context.storage, table, snapshotId)] : []
  if (left.length > 0) void context.storage.delete(left).catch(() => undefined)
  return { kind: 'abandoned', reason, table, certain }
}

/** After a commit: deletes the data files that the caller wrote for it, if the outcome says that no table can name them. */
export async function discardFiles(storage: Storage, outcome: CommitOutcome, files: readonly { readonly location: string }[]): Promise<void> {
  if (outcome.kind !== 'abandoned' || !outcome.certain) return
  await storage.delete(files.map(({ location }) => location)).catch(() => undefined)
}

function replacedError(context: CommitContext, found: LoadedTable): CatalogError {
  return new CatalogError('CATALOG_TABLE_REPLACED', { table: printIdentifier(found.id), expected: context.table.metadata['table-uuid'], found: found.metadata['table-uuid'] })
}

/** Exponential with full jitter in its upper half, so that two losers do not meet again. */
function backoff(attempt: number, limits: Limits): number {
  return Math.min(limits.backoffMsMax, limits.backoffMsMin * 2 ** Math.min(attempt - 1, 20)) * (0.5 + limits.random() / 2)
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, signal === undefined ? {} : { signal })
}
