/**
 * The two histories inside table metadata, and the properties that are never stored as such.
 *
 * The snapshot log must have no holes: what comes before a removed snapshot goes too, else time travel would answer wrongly.
 */
import { demand } from './refused.ts'
import { readCount } from './properties.ts'
import type { TableMetadata } from './types.ts'

const previousVersionsMax = 100

const reserved = new Set(['format-version', 'uuid', 'snapshot-count', 'current-snapshot-summary', 'current-snapshot-id', 'current-snapshot-timestamp-ms',
  'current-schema', 'default-partition-spec', 'default-sort-order'])

/** Properties without those that say what metadata says already. */
export function dropReserved(properties: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => !reserved.has(name)))
}

/** The snapshot log after snapshots were removed, and without those that were current only inside this change. */
export function finishSnapshotLog(table: TableMetadata, intermediate: ReadonlySet<bigint>, removed: boolean): TableMetadata['snapshot-log'] {
  const present = new Set(table.snapshots.map(snapshot => snapshot['snapshot-id']))
  let log: TableMetadata['snapshot-log'] = []
  for (const entry of table['snapshot-log']) {
    if (present.has(entry['snapshot-id'])) {
      if (!intermediate.has(entry['snapshot-id'])) log.push(entry)
    } else if (removed) {
      log = []
    }
  }
  const current = table['current-snapshot-id']
  demand(current === -1n || log.at(-1)?.['snapshot-id'] === current, () => 'Cannot set invalid snapshot log: latest entry is not the current snapshot')
  return log
}

/** The metadata log with the base added, cut to `write.metadata.previous-versions-max`. */
export function nextMetadataLog(base: TableMetadata, baseLocation: string | null, properties: Readonly<Record<string, string>>): TableMetadata['metadata-log'] {
  const log = base['metadata-log']
  if (baseLocation === null) return log
  const count = Math.max(1, readCount(properties, 'write.metadata.previous-versions-max', previousVersionsMax))
  return [...log.slice(Math.max(0, log.length - count + 1)), { 'timestamp-ms': base['last-updated-ms'], 'metadata-file': baseLocation }]
}
