// What a table takes is told as its files lie there: counted again from the disk, after appends, overwrites and for a table
// that another engine wrote without totals.

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openTestTable } from '../actions/table-for-tests.ts'
import type { LoadedTable } from '../catalogs/catalog.ts'
import { currentSnapshot } from '../spec/snapshot.ts'
import { tableFigures } from './table-figures.ts'

/** The catalog of this test keeps metadata in memory. */
const noFile = (table: LoadedTable): LoadedTable => ({ ...table, metadataLocation: null })

t.test('files, bytes and rows are those that are alive, and the metadata bytes those that lie on the disk', async t => {
  const test = await openTestTable(t, 'figures')
  t.match(await tableFigures(test.storage, noFile(test.table)), { dataFiles: 0, rows: 0, fileBytes: 0, snapshots: 0 })
  const first = await test.append([await test.file(10), await test.file(20, 1)])
  const metadata = (): number => {
    const folder = join(test.folder, 'analytics', 'figures', 'metadata')
    return readdirSync(folder).filter(name => name.endsWith('.avro')).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
  }
  const figures = await tableFigures(test.storage, noFile(first))
  t.match(figures, { dataFiles: 2, deleteFiles: 0, rows: 30, fileBytes: 3000, snapshots: 1 })
  t.equal(figures.metadataBytes, metadata())
  await test.overwrite({ added: [await test.file(5)], removed: (await test.live()).slice(0, 1), plannedOn: test.current()['snapshot-id'] })
  const live = await test.live()
  t.match(await tableFigures(test.storage, noFile(test.table)), { dataFiles: live.length, rows: Number(live.reduce((sum, { recordCount }) => sum + recordCount, 0n)), snapshots: 2 })
})

t.test('what an engine did not say is not made up', async t => {
  const test = await openTestTable(t, 'silent')
  const table = await test.append([await test.file()])
  const silent = structuredClone(table)
  for (const name of Object.keys(currentSnapshot(silent.metadata)!.summary)) if (name.startsWith('total-')) delete currentSnapshot(silent.metadata)!.summary[name]
  t.match(await tableFigures(test.storage, noFile(silent)), { dataFiles: null, fileBytes: null, rows: null, snapshots: 1 })
})
