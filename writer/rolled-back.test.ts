// Other hands change the table's history while no writer looks: what was removed is noticed, what was only moved is not
// taken for a rollback.

import t from 'tap'
import { commitSnapshot, createSnapshotId, dataFileLocation, mainSnapshotId, scanFiles, stageAppend, stageOverwrite, type DataFile, type LoadedTable } from '../catalog/index.ts'
import { openLine, pageView, receivedAt, type Line } from './started-line.ts'
import { eventsId } from './tables.ts'

const at = Date.now() / 1000
type Tap = typeof t
const ids = async (line: Line): Promise<string[]> => (await line.query('SELECT event_id FROM events ORDER BY 1')).map(row => String(row.event_id))
const some = (prefix: string): string[] => Array.from({ length: 10 }, (_, i) => `${prefix}${i}`)
const send = async (line: Line, prefix: string): Promise<void> => { await line.send(some(prefix).map(id => ({ value: pageView(id), headers: receivedAt(at) }))) }

/** Two batches of the writer, then what other hands do, then a third. */
const afterwards = (name: string, hands: (line: Line) => Promise<void>, check: (t: Tap, line: Line) => Promise<void>): void => {
  void t.test(name, async t => {
    const line = await openLine(t.testdir({}), ['ecommerce_events'], 1)
    try {
      for (const prefix of ['a', 'b']) {
        await send(line, prefix)
        await line.drain()
      }
      await hands(line)
      await send(line, 'c')
      await check(t as unknown as Tap, line)
    } finally {
      await line.close()
    }
  })
}

async function halts (t: Tap, line: Line): Promise<void> {
  await t.rejects(line.drain(), { code: 'WRITER_HALTED', message: /rolled back or replaced/ })
  await t.rejects(line.drain(), { code: 'WRITER_HALTED' }, 'and stays halted')
  await line.drain({ resumeFrom: 'data' })
  t.same(await ids(line), [...some('a'), ...some('b'), ...some('c')].toSorted(), 'then every event is one row')
}

async function goesOn (t: Tap, line: Line): Promise<void> {
  await line.drain()
  t.same(await ids(line), [...some('a'), ...some('b'), ...some('c')].toSorted())
}

async function rollBack (line: Line): Promise<void> {
  const { metadata } = await line.table('events')
  const main = metadata.snapshots.find(snapshot => snapshot['snapshot-id'] === mainSnapshotId(metadata))!
  await line.catalog.commitTable(eventsId, { requirements: [], updates: [{ 'action': 'set-snapshot-ref', 'ref-name': 'main', 'type': 'branch', 'snapshot-id': main['parent-snapshot-id']! }] })
}

async function commitForeign (line: Line, stage: (base: LoadedTable, snapshotId: bigint) => ReturnType<typeof stageOverwrite>): Promise<void> {
  const table = await line.table('events')
  const snapshotId = createSnapshotId(table.metadata)
  const outcome = await commitSnapshot({ catalog: line.catalog, storage: line.storage, table }, snapshotId, async base => await stage(base, snapshotId))
  if (outcome.kind !== 'landed') throw new Error(outcome.kind)
}

async function appendNothing (line: Line): Promise<void> {
  await commitForeign(line, async (base, snapshotId) => await stageAppend({ storage: line.storage }, base, { snapshotId, files: [] }))
}

/** As `expire_snapshots(older_than => now(), retain_last => 1)`. */
async function expireAll (line: Line): Promise<void> {
  const { metadata } = await line.table('events')
  const old = metadata.snapshots.map(snapshot => snapshot['snapshot-id']).filter(id => id !== mainSnapshotId(metadata))
  await line.catalog.commitTable(eventsId, { requirements: [], updates: [{ 'action': 'remove-snapshots', 'snapshot-ids': old }] })
}

/** Each file is written again under another name, its rows as they were: a compaction as others do it. */
async function rewriteFiles (line: Line): Promise<void> {
  const { files } = await scanFiles(line.storage, await line.table('events'))
  await commitForeign(line, async (base, snapshotId) => {
    const added: DataFile[] = []
    for (const file of files) {
      const location = dataFileLocation(base.metadata, file.partition, `${crypto.randomUUID()}.parquet`)
      await line.storage.writeDurably(location, await line.storage.read(file.location))
      added.push({ ...file, location })
    }
    return await stageOverwrite({ storage: line.storage }, base, { snapshotId, added, removed: files })
  })
}

afterwards('a rollback, a commit on top and an expiry halt the writer', async line => {
  await rollBack(line)
  await appendNothing(line)
  await expireAll(line)
}, halts)

afterwards('a rollback, a compaction on top and an expiry halt the writer', async line => {
  await rollBack(line)
  await rewriteFiles(line)
  await appendNothing(line)
  await expireAll(line)
}, halts)

afterwards('commits of others on top and an expiry do not', async line => {
  await appendNothing(line)
  await appendNothing(line)
  await expireAll(line)
}, goesOn)

afterwards('a compaction of others and an expiry do not', async line => {
  await rewriteFiles(line)
  await appendNothing(line)
  await expireAll(line)
}, goesOn)
