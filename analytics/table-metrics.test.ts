// Sizes of tables in the metrics: of every table that there is, of none that is gone, and a catalog that hangs holds no scrape.

import t from 'tap'
import { createMetrics, parseMetrics } from '../runtime/index.ts'
import { eventsId, openTestLake } from './runner/test-lake.ts'
import { measureTables } from './table-metrics.ts'

const event = (id: string) => ({ event_id: id, event_type: 'page_view', event_time: '2026-03-01T10:00:00Z', received_at: '2026-03-01T10:00:01Z' })

t.test('each table has its figures, and they follow it', async t => {
  const lake = await openTestLake(t)
  await lake.append([event('a'), event('b')])
  await lake.appendLetters([{ reason: 'not_json', payload: 'x', received_at: '2026-03-01T10:00:00Z', committed_at: '2026-03-01T10:00:00Z' }])
  const metrics = createMetrics('analytics')
  measureTables(metrics, { ...lake, logger: { warn: () => {} }, lookMs: 0 })
  const read = async (name: string, table: string): Promise<number | undefined> => parseMetrics(await metrics.text()).get(`firn_analytics_table_${name}{table="${table}"}`)
  t.equal(await read('rows', 'firn.events'), 2)
  t.equal(await read('data_files', 'firn.events'), 1)
  t.equal(await read('rows', 'firn.dead_letters'), 1)
  t.ok(await read('metadata_bytes', 'firn.events') as number > 1000)
  const before = await read('file_bytes', 'firn.events') as number
  await lake.append([event('c')])
  t.equal(await read('rows', 'firn.events'), 3)
  t.equal(await read('snapshots', 'firn.events'), 2)
  t.ok(await read('file_bytes', 'firn.events') as number > before)
  await lake.catalog.dropTable(eventsId)
  t.equal(await read('rows', 'firn.events'), undefined, 'a table that is gone is told no longer')
  t.equal(await read('rows', 'firn.dead_letters'), 1)
})

t.test('a catalog that hangs, or fails, leaves the scrape what was known', async t => {
  const lake = await openTestLake(t)
  await lake.append([event('a')])
  let fault: 'none' | 'fails' | 'hangs' = 'none'
  const warned: unknown[] = []
  const metrics = createMetrics('analytics')
  const never = Promise.withResolvers<never>()
  const meets = async (): Promise<void> => {
    if (fault === 'fails') throw new Error('away')
    if (fault === 'hangs') await never.promise
  }
  const catalog = {
    listTables: async (namespace: readonly string[]) => { await meets(); return await lake.catalog.listTables(namespace) },
    loadTable: lake.catalog.loadTable.bind(lake.catalog)
  }
  measureTables(metrics, { catalog, storage: lake.storage, logger: { warn: (...words: unknown[]) => { warned.push(words) } }, lookMs: 0 })
  const rows = async (): Promise<number | undefined> => parseMetrics(await metrics.text()).get('firn_analytics_table_rows{table="firn.events"}')
  t.equal(await rows(), 1)
  fault = 'fails'
  t.equal(await rows(), 1)
  t.equal(await rows(), 1)
  t.equal(warned.length, 1, 'said once')
  fault = 'hangs'
  t.equal(await rows(), 1)
})
