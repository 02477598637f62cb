// For tests: a table in a memory catalog over a temporary folder, with files that hold nothing but their counts, and commits of every kind
// that engines make. Refuses nothing; a commit that does not land throws.

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LoadedTable } from '../catalogs/catalog.ts'
import { openMemoryCatalog, type MemoryCatalog } from '../catalogs/memory.ts'
import { commitSnapshot, type CommitOptions, type CommitOutcome } from '../commit/commit.ts'
import { scanFiles } from '../scan/scan-files.ts'
import type { DataFile, LiveFile } from '../spec/data-file.ts'
import { partitionSpecOf } from '../spec/partition.ts'
import { schemaOfColumns } from '../spec/schema-evolution.ts'
import { createSnapshotId, currentSnapshot } from '../spec/snapshot.ts'
import type { Snapshot, Update } from '../spec/types.ts'
import { openLocalStorage } from '../storage/local.ts'
import type { Storage } from '../storage/storage.ts'
import { stageAppend } from './append.ts'
import type { ExpirePolicy } from './expire-snapshots.ts'
import { stageOverwrite, stageRewrite, type OverwriteBatch } from './overwrite.ts'

const quick: CommitOptions = { backoffMsMin: 1, backoffMsMax: 4, unknownMsMax: 2_000 }

export interface TestTable {
  readonly catalog: MemoryCatalog
  readonly folder: string
  storage: Storage
  table: LoadedTable
  nowMs: number
  /** A file on disk, so that deleting it shows. */
  file(rows?: number, bucket?: number): Promise<DataFile>
  append(files: readonly DataFile[], more?: { expire?: ExpirePolicy, properties?: Record<string, string> }): Promise<LoadedTable>
  overwrite(batch: Omit<OverwriteBatch, 'snapshotId'>): Promise<CommitOutcome>
  /** What compactions do: the rows of `removed` in other files. `dataSequenceNumber`: Spark, Trino 475 and later, and we keep one; older ones do not. */
  replace(removed: readonly LiveFile[], added: readonly DataFile[], dataSequenceNumber: bigint | null): Promise<LoadedTable>
  /** Metadata alone, as another client would change it. */
  change(...updates: Update[]): Promise<LoadedTable>
  live(snapshotId?: bigint): Promise<LiveFile[]>
  current(): Snapshot
}

export async function openTestTable(t: { teardown(end: () => void): unknown }, name: string, properties: Record<string, string> = {}): Promise<TestTable> {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'firn-table-'))
  t.teardown(() => { rmSync(folder, { recursive: true }) })
  const schema = schemaOfColumns([{ name: 'id', type: 'long' }, { name: 'place', type: 'string' }])
  const own: { now: number } = { now: Date.UTC(2026, 10, 21) }
  const clock = () => own.now++
  const catalog = openMemoryCatalog({ warehouse: `file://${folder}`, clock })
  const table = await catalog.createTable({ namespace: ['analytics'], name }, { schema, 'partition-spec': partitionSpecOf(schema, [{ transform: 'bucket[4]', column: 'id' }]), properties })
  let files = 0
  const test: TestTable = {
    catalog,
    folder,
    storage: openLocalStorage(),
    table,
    get nowMs() { return own.now },
    set nowMs(now) { own.now = now },
    async file(rows = 10, bucket = 0) {
      const file: DataFile = {
        location: `${test.table.metadata.location}/data/${files++}.parquet`, format: 'PARQUET', specId: 0, partition: { id_bucket: bucket }, recordCount: BigInt(rows), fileSizeBytes: BigInt(100 * rows),
        columnSizes: new Map(), valueCounts: new Map([[1, BigInt(rows)]]), nullValueCounts: new Map([[1, 0n]]), lowerBounds: new Map(), upperBounds: new Map(), splitOffsets: null, sortOrderId: 0
      }
      await test.storage.writeDurably(file.location, Buffer.from('x'))
      return file
    },
    async append(added, more = {}) {
      const snapshotId = createSnapshotId(test.table.metadata)
      return settle(await commitSnapshot({ catalog, storage: test.storage, table: test.table }, snapshotId, base => stageAppend({ storage: test.storage, clock }, base, { snapshotId, files: added, ...more }), quick))
    },
    async overwrite(batch) {
      const snapshotId = createSnapshotId(test.table.metadata)
      const outcome = await commitSnapshot({ catalog, storage: test.storage, table: test.table }, snapshotId, base => stageOverwrite({ storage: test.storage, clock }, base, { snapshotId, ...batch }), quick)
      if (outcome.kind === 'landed') settle(outcome)
      return outcome
    },
    async replace(removed, added, dataSequenceNumber) {
      const snapshotId = createSnapshotId(test.table.metadata)
      return settle(await commitSnapshot({ catalog, storage: test.storage, table: test.table }, snapshotId,
        base => stageRewrite({ storage: test.storage, clock }, base, { snapshotId, removed, added, plannedOn: 'any' }, { operation: 'replace', dataSequenceNumber }), quick))
    },
    async change(...updates) {
      const reply = await catalog.commitTable(test.table.id, { requirements: [], updates })
      if (reply.kind !== 'landed') throw new Error(`not landed: ${reply.kind}`)
      return test.table = reply.table
    },
    live: async snapshotId => (await scanFiles(openLocalStorage(), test.table, { snapshotId })).files,
    current() {
      const snapshot = currentSnapshot(test.table.metadata)
      if (snapshot === undefined) throw new Error('the table has no snapshot')
      return snapshot
    }
  }
  const settle = (outcome: CommitOutcome) => {
    if (outcome.kind !== 'landed') throw new Error(`not landed: ${outcome.kind === 'failed' ? outcome.error.message : outcome.reason}`)
    return test.table = outcome.table
  }
  return test
}

/** What a property is about: the rows of a set of files, by location. */
export function locationsOf(files: readonly { readonly location: string }[]): string[] {
  return files.map(file => file.location).sort()
}
