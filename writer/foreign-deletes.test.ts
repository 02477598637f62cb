// Another engine deletes or rewrites rows while the writer runs: ids that are gone may come again at once, ids that are
// still there may not.

import t from 'tap'
import { DuckDBInstance, commitSnapshot, copyToDataFile, createSnapshotId, currentSnapshot, dataFileLocation, duckdbScan, mainSnapshotId, recordOf, scanFiles, stageOverwrite, type DataFile, type LoadedTable } from '../catalog/index.ts'
import { until } from '../runtime/index.ts'
import { openEngine } from './engine.ts'
import { openLine, pageView, type Line } from './started-line.ts'
import { openTableIds } from './table-ids.ts'
import { eventsId } from './tables.ts'

type Tap = typeof t

/** A line whose one writer runs on while the test goes on. */
const running = (name: string, run: (t: Tap, line: Line) => Promise<void>, typesMax = 200): void => {
  void t.test(name, async t => {
    const line = await openLine(t.testdir({}), ['ecommerce_events'], 1)
    const stop = new AbortController()
    const writer = line.drain({ untilEnd: false, signal: stop.signal, typesMax })
    try {
      await run(t as unknown as Tap, line)
    } finally {
      stop.abort()
      await writer
      await line.close()
    }
  })
}

const rows = async (line: Line, where = 'true'): Promise<number> => Number((await line.query(`SELECT count(*) AS n FROM events WHERE ${where}`))[0]!.n)
const landed = async (line: Line, title: string, wanted: number, letters = 0): Promise<void> => {
  await until(async () => {
    try {
      const [all] = await line.query(`SELECT (SELECT count(*) FROM events WHERE title = '${title}')::INT AS rows, (SELECT count(*) FROM dead_letters)::INT AS letters`)
      return all!.rows === wanted && all!.letters === letters
    } catch {
      return false
    }
  })
}
const send = async (line: Line, title: string, from = 0, to = 10): Promise<void> => {
  await line.send(Array.from({ length: to - from }, (_, i) => ({ value: pageView(`e${from + i}`, { title }) })))
}

/** As an engine's copy-on-write DELETE does: each file written again with the rows that stay. */
async function keepRows (line: Line, where: string): Promise<void> {
  const table = await line.table('events')
  const { files } = await scanFiles(line.storage, table)
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run("SET TimeZone = 'UTC'")
  const added: DataFile[] = []
  for (const file of files) {
    const location = dataFileLocation(table.metadata, file.partition, `${crypto.randomUUID()}.parquet`)
    const select = `SELECT * FROM ${duckdbScan(table, [file], line.storage)} WHERE ${where}`
    const written = await copyToDataFile(connection, line.storage, table, { select, partition: file.partition, location })
    if (written.recordCount > 0n) added.push(written)
  }
  connection.closeSync()
  instance.closeSync()
  await overwrite(line, table, added)
}

async function overwrite (line: Line, table: LoadedTable, added: DataFile[]): Promise<void> {
  const { files: removed } = await scanFiles(line.storage, table)
  const snapshotId = createSnapshotId(table.metadata)
  const context = { catalog: line.catalog, storage: line.storage, table }
  const outcome = await commitSnapshot(context, snapshotId, async base => await stageOverwrite(context, base, { snapshotId, added, removed }))
  if (outcome.kind !== 'landed') throw new Error(`the other engine's commit is ${outcome.kind}`)
}

running('corrected events under the ids of deleted rows are rows at once', async (t, line) => {
  await send(line, 'wrong')
  await landed(line, 'wrong', 10)
  await keepRows(line, 'false')
  t.equal(await rows(line), 0)
  await send(line, 'right')
  await landed(line, 'right', 10)
  await send(line, 'again')
  await landed(line, 'again', 0, 10)
  t.equal(await rows(line), 10)
})

running('of a table that was overwritten in part, only the ids that are gone may come again', async (t, line) => {
  await send(line, 'wrong')
  await landed(line, 'wrong', 10)
  await keepRows(line, "event_id < 'e5'")
  await send(line, 'right')
  await landed(line, 'right', 5, 5)
  t.same(await line.query('SELECT count(*)::INT AS rows, count(DISTINCT event_id)::INT AS ids FROM events'), [{ rows: 10, ids: 10 }])
})

running('also when what the index was built from has expired, and after a change of branch', async (t, line) => {
  await send(line, 'wrong')
  await landed(line, 'wrong', 10)
  await keepRows(line, "event_id < 'e5'")
  const { metadata } = await line.table('events')
  const main = mainSnapshotId(metadata)!
  const gone = metadata.snapshots.map(snapshot => snapshot['snapshot-id']).filter(id => id !== main)
  await line.catalog.commitTable(eventsId, { requirements: [], updates: [
    { 'action': 'remove-snapshots', 'snapshot-ids': gone },
    { 'action': 'set-snapshot-ref', 'ref-name': 'audit', 'type': 'branch', 'snapshot-id': main }
  ] })
  await send(line, 'right')
  await landed(line, 'right', 5, 5)
  await line.catalog.commitTable(eventsId, { requirements: [], updates: [{ 'action': 'set-snapshot-ref', 'ref-name': 'later', 'type': 'branch', 'snapshot-id': mainSnapshotId((await line.table('events')).metadata)! }] })
  await keepRows(line, "title = 'wrong'")
  await send(line, 'last')
  await landed(line, 'last', 5, 10)
  t.same(await line.query('SELECT count(*)::INT AS rows, count(DISTINCT event_id)::INT AS ids FROM events'), [{ rows: 10, ids: 10 }])
})

running('a type whose rows were all deleted makes room for another', async (t, line) => {
  const known = new Set<unknown>()
  const sendType = async (type: string, id: string): Promise<void> => {
    await line.send([{ value: pageView(id, { event_type: type, title: id }) }])
    await landed(line, id, 1)
    for (const row of await line.query('SELECT DISTINCT event_type FROM events')) known.add(row.event_type)
  }
  await sendType('first_own', 'a')
  await sendType('second_own', 'b')
  t.notOk(known.has('second_own'), 'there was room for one')
  await keepRows(line, "event_type = 'unlisted'")
  await sendType('third_own', 'c')
  t.ok(known.has('third_own'))
}, 20)

void t.test('a compaction is told from a deletion, so that it costs no new index', async t => {
  const dir = t.testdir({})
  const line = await openLine(dir, ['ecommerce_events'], 1)
  const engine = await openEngine({ memoryBytesMax: 128 * 1024 ** 2, stagingDir: dir, writers: 1 })
  try {
    await send(line, 'one')
    await line.drain()
    await send(line, 'two', 10, 20)
    await line.drain()
    const table = await line.table('events')
    const before = recordOf(table)
    const ids = openTableIds(engine, line.storage)
    const replaced = async (operation: string): Promise<LoadedTable> => {
      const current = currentSnapshot(table.metadata)!
      const snapshot = { ...current, 'snapshot-id': createSnapshotId(table.metadata), 'parent-snapshot-id': current['snapshot-id'], 'sequence-number': current['sequence-number'] + 1n, 'summary': { ...current.summary, operation } }
      return { ...table, metadata: { ...table.metadata, 'snapshots': [...table.metadata.snapshots, snapshot], 'current-snapshot-id': snapshot['snapshot-id'], 'refs': { main: { 'type': 'branch', 'snapshot-id': snapshot['snapshot-id'] } } } } as LoadedTable
    }
    t.match(await ids.changes(await replaced('replace'), before), { kind: 'added', files: [] })
    t.equal((await ids.changes(table, null)).kind, 'anew')
  } finally {
    engine.close()
    await line.close()
  }
})
