// Dead letters whose rows never came: a batch lists its letters first, and then another writer, or death, may keep its rows
// from landing. What that other writer made a row meanwhile would be a row and a dead letter at once: such letters are
// taken out again, in a commit of their own. Looked for whenever a session is opened, so that a crash changes nothing.
// Refuses to touch any other letter: those without a row stand, and decide what is read next.

import { bringFiles, commitSnapshot, createSnapshotId, mayHold, scanFiles, stageOverwrite, type LiveFile, type LoadedTable } from '../catalog/index.ts'
import { batchSummaryKey, rangesSummaryKey, writerSummaryKey, type OffsetRange } from './offsets.ts'
import { fail } from './errors.ts'
import { placesIn } from './lineage-evidence.ts'
import { rewriteRows } from './row-files.ts'
import type { SessionParts } from './session.ts'
import { demandLayout, lettersShape, ownColumns, ownScan, type WriterTables } from './tables.ts'

interface Listing { readonly snapshotId: bigint, readonly ranges: readonly OffsetRange[] }

/** Younger snapshots are all kept, so that a commit that is missing among them never was. */
const denseMs = 25 * 60_000

/** Listings of `letters` without a commit of the same batch in `events`, as far as both tables' snapshots reach. Pure. */
export function orphanListings (letters: LoadedTable, events: LoadedTable): Listing[] {
  const newestMs = events.metadata.snapshots.reduce((most, snapshot) => Math.max(most, snapshot['timestamp-ms']), 0)
  const batchOf = (summary: Readonly<Record<string, string | undefined>>): string => `${summary[writerSummaryKey]} ${summary[rangesSummaryKey]}`
  const landed = new Set(events.metadata.snapshots.map(({ summary }) => batchOf(summary)))
  return letters.metadata.snapshots
    .filter(snapshot => snapshot['timestamp-ms'] >= newestMs - denseMs)
    .filter(({ summary }) => summary[batchSummaryKey] === '1' && summary['added-data-files'] !== undefined && !landed.has(batchOf(summary)))
    .map(({ 'snapshot-id': snapshotId, summary }) => ({ snapshotId, ranges: rangesOf(summary[rangesSummaryKey]) }))
    .filter(({ ranges }) => ranges.length > 0)
}

export async function retractOrphans (parts: SessionParts, { letters, events }: Pick<WriterTables, 'letters' | 'events'>): Promise<LoadedTable> {
  const listings = orphanListings(letters, events)
  if (listings.length === 0) return letters
  const mine = new Set(listings.map(({ snapshotId }) => snapshotId))
  const { files } = await scanFiles(parts.storage, letters, { fileFilter: file => mine.has(file.snapshotId) })
  let table = letters
  for (const file of files) {
    const { ranges } = listings.find(({ snapshotId }) => snapshotId === file.snapshotId)!
    table = await retract(parts, table, file, await rowsAmong(parts, letters, file, events, ranges))
  }
  return table
}

/** Letters of one file whose places are rows; null when there are none. */
async function rowsAmong ({ engine, storage }: SessionParts, letters: LoadedTable, file: LiveFile, events: LoadedTable, ranges: readonly OffsetRange[]): Promise<string | null> {
  const offset = ownColumns(events).fields.find(({ name }) => name === 'log_offset')
  const mayHoldSome = (each: LiveFile): boolean => offset === undefined || ranges.some(({ start, end }) => mayHold(each, offset, start, end))
  const { files } = await scanFiles(storage, events, { fileFilter: mayHoldSome })
  if (files.length === 0) return null
  const releases = [
    await bringFiles(letters, [file], storage),
    await bringFiles(events, files, storage, ['log_topic', 'log_partition', 'log_offset'], ownColumns(events))
  ]
  const places = 'log_topic, log_partition, log_offset'
  const rows = `SELECT ${places} FROM ${ownScan(events, files, storage)} WHERE ${placesIn(ranges)}`
  try {
    const found = await engine.main.runAndReadAll(`SELECT DISTINCT ${places} FROM ${ownScan(letters, [file], storage)} SEMI JOIN (${rows}) USING (${places})`)
    const taken = found.getRows() as [string, number, bigint][]
    if (taken.length === 0) return null
    return placesIn(taken.map(([topic, partition, offset]) => ({ topic, partition, start: BigInt(offset), end: BigInt(offset) + 1n })))
  } finally {
    for (const release of releases) await release()
  }
}

async function retract (parts: SessionParts, table: LoadedTable, file: LiveFile, where: string | null): Promise<LoadedTable> {
  if (where === null) return table
  const { engine, storage, catalog, logger, nowMs: clock, signal } = parts
  const release = await bringFiles(table, [file], storage)
  const added = await rewriteRows(engine, storage, table, lettersShape, `kept-${file.snapshotId}`, [file], `NOT (${where})`).finally(release)
  const snapshotId = createSnapshotId(table.metadata)
  const outcome = await commitSnapshot({ catalog, storage, table, clock, signal }, snapshotId, async base => {
    demandLayout(table, base, lettersShape)
    return await stageOverwrite({ storage, clock }, base, { snapshotId, added, removed: [file], plannedOn: 'any', summary: { [batchSummaryKey]: 'retraction' } })
  })
  if (outcome.kind === 'landed') {
    logger.warn({ file: file.location, snapshot: String(snapshotId) }, 'dead letters of a batch that never landed were taken out: another writer had made them rows')
    return outcome.table
  }
  // Another writer took them out first.
  if (outcome.kind === 'abandoned') return outcome.table
  throw fail('WRITER_COMMIT_FAILED', { table: 'firn.dead_letters', reason: outcome.error.message }, outcome.error)
}

function rangesOf (text: string | undefined): OffsetRange[] {
  const topics = JSON.parse(text ?? '{}') as Record<string, Record<string, [string, string]>>
  return Object.entries(topics).flatMap(([topic, partitions]) =>
    Object.entries(partitions).map(([partition, [start, end]]) => ({ topic, partition: Number(partition), start: BigInt(start), end: BigInt(end) })))
}
