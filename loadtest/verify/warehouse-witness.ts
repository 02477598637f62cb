// The warehouse as a witness: tables that lie where `firn.events` or `firn.dead_letters` would, and that the catalog does
// not name there. A catalog that was lost is filled anew with empty tables, and everything that was committed before lies
// beside them: its own record of offsets says whether the table that is there now has taken all of that as well.
// What is judged is a pure function; listing and reading metadata is the thin edge. Only metadata files are read.

import { parseMetadata, type LoadedTable, type Storage, type TableMetadata } from '../../catalog/index.ts'
import { broken, kept, unproven, type Finding } from './finding.ts'
import { progressProperty, readProgressRecord, type ProgressRecord } from './progress-record.ts'

const metadataReadMax = 200
const promise = 'no other firn.events lies in the warehouse that holds what this one does not'

/** A table that lies in the warehouse without a name. */
export interface Nameless { readonly location: string, readonly uuid: string, readonly rows: bigint, readonly record: ProgressRecord | null }

/** Judges what was found against the table's own record. */
export function judgeNameless (found: readonly Nameless[], record: ProgressRecord | null, unread: number): Finding {
  const holding = found.filter(({ rows, record: other }) => rows > 0n || (other?.partitions.some(({ start, next }) => next > start) ?? false))
  const missing = holding.filter(nameless => !isCovered(nameless, record))
  const sentences = missing.map(({ location, uuid, rows, record: other }) => `${location} (table ${uuid}, ${rows} rows${other === null ? '' : `, log ${other.clusterId}`})`)
  const ofThisLog = missing.filter(({ record: other }) => other !== null && (record === null || other.clusterId === record.clusterId))
  if (ofThisLog.length > 0) {
    return broken(promise, `${ofThisLog.length} have taken offsets of the log that this table has not: was the catalog lost, or the table renamed or dropped? It can be registered again`, sentences)
  }
  if (missing.length > 0) return unproven(promise, `${missing.length} lie there with rows of another log, or without a record of offsets`, sentences)
  if (unread > 0) return unproven(promise, `${unread} metadata files that no table of the catalog knows were not looked at`)
  return kept(promise, found.length === 0 ? '' : `${found.length} lie there, and this table has taken all that they have`)
}

/** Whether the table has taken every offset that the other one had taken, of the same log. */
function isCovered ({ record: other }: Nameless, record: ProgressRecord | null): boolean {
  if (other === null || record === null || other.clusterId !== record.clusterId) return false
  return other.partitions.every(({ topic, partition, start, next }) => {
    if (start === next) return true
    if (other.topicIds.get(topic) !== record.topicIds.get(topic)) return false
    const own = record.partitions.find(one => one.topic === topic && one.partition === partition)
    return own !== undefined && own.start <= start && own.next >= next
  })
}

/** `tables`: those that the catalog names. Looks into the folders beside theirs that bear their names. */
export async function checkWarehouse (storage: Storage, tables: readonly LoadedTable[], record: ProgressRecord | null): Promise<Finding> {
  const uuids = new Set(tables.map(({ metadata }) => metadata['table-uuid']))
  const { newest, unread } = await findMetadata(storage, tables)
  const found = new Map<string, Nameless>()
  let unreadable = unread
  for (const location of newest) {
    const metadata = await readMetadata(storage, location)
    if (metadata === null) {
      unreadable++
      continue
    }
    const uuid = metadata['table-uuid']
    if (uuids.has(uuid) || found.has(uuid)) continue
    found.set(uuid, { location, uuid, rows: rowsOf(metadata), record: recordOf(metadata) })
  }
  return judgeNameless([...found.values()], record, unreadable)
}

/** Metadata files that the named tables do not know, the newest of each folder first. */
async function findMetadata (storage: Storage, tables: readonly LoadedTable[]): Promise<{ newest: string[], unread: number }> {
  const known = new Set(tables.flatMap(({ metadata, metadataLocation }) => [metadataLocation, ...metadata['metadata-log'].map(entry => entry['metadata-file'])]))
  const strange: { location: string, modifiedMs: number }[] = []
  for (const prefix of new Set(tables.map(({ metadata }) => parentOf(metadata.location)))) {
    const names = tables.filter(({ metadata }) => parentOf(metadata.location) === prefix).map(({ id }) => id.name)
    for await (const { location, modifiedMs } of storage.list(prefix)) {
      if (!/\/metadata\/[^/]+\.metadata\.json(\.gz)?$|\/metadata\/[^/]+\.gz\.metadata\.json$/.test(location) || known.has(location)) continue
      const folder = location.slice(prefix.length).split('/')[0]!
      if (names.some(name => folder === name || folder.startsWith(`${name}-`))) strange.push({ location, modifiedMs })
    }
  }
  strange.sort((a, b) => b.modifiedMs - a.modifiedMs || (a.location < b.location ? 1 : -1))
  // The newest of a folder says all that the table had taken; older ones may be of a table before it, so a few more are read.
  return { newest: strange.slice(0, metadataReadMax).map(({ location }) => location), unread: Math.max(0, strange.length - metadataReadMax) }
}

async function readMetadata (storage: Storage, location: string): Promise<TableMetadata | null> {
  try {
    return parseMetadata((await storage.read(location)).toString('utf8'))
  } catch {
    return null
  }
}

function recordOf ({ properties }: TableMetadata): ProgressRecord | null {
  try {
    return readProgressRecord('', properties[progressProperty] ?? '')
  } catch {
    return null
  }
}

function rowsOf (metadata: TableMetadata): bigint {
  const current = metadata.snapshots.find(snapshot => snapshot['snapshot-id'] === metadata['current-snapshot-id'])
  const total = current?.summary['total-records'] ?? '0'
  return /^\d+$/.test(total) ? BigInt(total) : 0n
}

function parentOf (location: string): string {
  return location.replace(/\/+$/, '').replace(/[^/]*$/, '')
}
