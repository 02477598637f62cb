// Other engines change the tables of models, and the tables that models read: what can be followed is followed from the rows'
// own values, what cannot stops that model with an advice, and no other.

import t from 'tap'
import { applyTransform, bringFiles, currentSchema, duckdbScan, fieldById, partitionKey, scanFiles, type LiveFile, type LoadedTable, type NestedField, type SingleValue, type TableIdentifier, type Update } from '../../catalog/index.ts'
import { openLakeHere } from '../engine-here.fixture.ts'
import { parseModel, type Model } from '../models/model-file.ts'
import { identifierOf } from './model-table.ts'
import { openRunner, type Runner } from './runner.ts'
import { eventsId, type TestLake } from './test-lake.ts'

// Seconds on a free machine, many on a busy one.
t.setTimeout(240_000)

const head = (question: string, partition: string): string => `-- Question:  ${question}
-- Reads:     firn.events(order_created) by event_time
-- Unit:      hour
-- Time:      hour
-- Key:       hour, region
-- Partition: ${partition}
-- Owner:     test
-- Columns:
--   hour      timestamptz    The hour.
--   region    string         The region.
--   orders    long           Orders.
select date_trunc('hour', e.event_time) as hour, e.region, count(*) as orders from firn.events e group by 1, 2
`
const places = parseModel('places', head('How many orders of each place?', 'day(hour)'))
const towns = parseModel('towns', head('Of each town?', 'day(hour)').replaceAll('region', 'city').replace('e.city', 'e.location.city'))
const beside = parseModel('beside', head('And again?', 'region'))

const order = (id: string, at: string, region: string) => ({ event_id: id, event_type: 'order_created', event_time: at, order_id: id, amount: '10.00', region })

async function change (lake: TestLake, id: TableIdentifier, updates: (fields: readonly NestedField[], nextId: number) => Update[]): Promise<void> {
  const { metadata } = await lake.catalog.loadTable(id)
  const reply = await lake.catalog.commitTable(id, { requirements: [], updates: updates(currentSchema(metadata).fields, metadata['last-column-id'] + 1) })
  if (reply.kind !== 'landed') throw new Error(`the other engine's change did not land: ${JSON.stringify(reply)}`)
}

const fields = (edit: (fields: readonly NestedField[], nextId: number) => NestedField[]) => (now: readonly NestedField[], nextId: number): Update[] =>
  [{ 'action': 'add-schema', 'schema': { type: 'struct', fields: edit(now, nextId) } }, { 'action': 'set-current-schema', 'schema-id': -1 }]
const rename = (from: string, to: string) => fields(now => now.map(field => field.name === from ? { ...field, name: to } : field))
const spec = (...terms: [column: string, transform: string, name: string][]) => (now: readonly NestedField[]): Update[] => [
  { 'action': 'add-spec', 'spec': { 'spec-id': -1, 'fields': terms.map(([column, transform, name], i) => ({ 'source-id': now.find(field => field.name === column)!.id, 'field-id': 1500 + i, name, transform })) } },
  { 'action': 'set-default-spec', 'spec-id': -1 }
]

/** Its files stay near for as long as the test lasts. */
async function scanOf (lake: TestLake, table: LoadedTable, files: readonly LiveFile[]): Promise<string> {
  await bringFiles(table, files, lake.storage)
  return duckdbScan(table, files, lake.storage)
}

async function misplaced (lake: TestLake, model: Model): Promise<string[]> {
  const table = await lake.catalog.loadTable(identifierOf(model))
  const { metadata } = table
  const { files } = await scanFiles(lake.storage, table)
  const wrong: string[] = []
  for (const file of files) {
    if (file.specId !== metadata['default-spec-id']) wrong.push(`a file of spec ${file.specId}`)
    const terms = metadata['partition-specs'].find(one => one['spec-id'] === file.specId)!.fields
    const sources = terms.map(({ 'source-id': id }) => fieldById(currentSchema(metadata), id)!)
    if (sources.length === 0) continue
    const list = sources.map(({ name, type }) => type === 'timestamptz' ? `epoch_us("${name}")` : `"${name}"`).join(', ')
    for (const row of (await lake.connection.runAndReadAll(`select distinct ${list} from ${await scanOf(lake, table, [file])}`)).getRows()) {
      const should = Object.fromEntries(terms.map(({ name, transform }, i) => [name, applyTransform(transform, sources[i]!.type, row[i] as SingleValue | null)]))
      if (partitionKey(terms, should) !== partitionKey(terms, file.partition)) wrong.push(`${partitionKey(terms, should)} in ${partitionKey(terms, file.partition)}`)
    }
  }
  return wrong
}

async function openWith (t: Parameters<typeof openLakeHere>[0], models: Model[]): Promise<{ lake: TestLake, runner: Runner }> {
  const lake = await openLakeHere(t)
  const runner = openRunner({ ...lake, engine: lake.trino, models, slowMs: 0 })
  t.teardown(() => runner.close())
  await lake.append([order('a', '2026-01-01T10:00:00Z', 'EU'), order('b', '2026-01-01T11:30:00Z', 'Ö'.repeat(150))])
  return { lake, runner }
}

t.test('a model\'s rows lie where the spec of another engine says, old files included', async t => {
  const { lake, runner } = await openWith(t, [places, beside])
  t.match(await runner.cycle(), [{ outcome: 'written' }, { outcome: 'written' }])
  const specs: Parameters<typeof spec>[] = [
    [['hour', 'hour', 'hour_hour'], ['region', 'truncate[2]', 'region_trunc']],
    [['orders', 'bucket[3]', 'n'], ['region', 'identity', 'region']],
    [['hour', 'year', 'y'], ['orders', 'truncate[10]', 'tens'], ['region', 'void', 'region_null']],
    []
  ]
  for (const [i, terms] of specs.entries()) {
    await change(lake, identifierOf(places), spec(...terms))
    await lake.append([order(`c${i}`, `2026-01-02T0${i}:00:00Z`, 'EU'), order(`d${i}`, '2026-01-01T10:10:00Z', `R${i}`)])
    t.match(await runner.cycle(), [{ model: 'places', outcome: 'written' }, { model: 'beside', outcome: 'written' }])
    t.same(await misplaced(lake, places), [])
    const { stands, should } = await lake.compare(places)
    t.same(stands, should)
    // Once more, by the units that changed.
    await lake.append([order(`e${i}`, '2026-01-01T10:20:00Z', 'EU')])
    t.match(await runner.cycle(), [{ outcome: 'written', dirtyUnits: 1 }, { outcome: 'written' }])
    t.same(await misplaced(lake, places), [])
  }
})

t.test('renamed, dropped and added columns of a model\'s own table are followed by their ids', async t => {
  const { lake, runner } = await openWith(t, [places])
  await runner.cycle()
  await change(lake, identifierOf(places), rename('region', 'their_region'))
  await change(lake, identifierOf(places), rename('hour', 'their_hour'))
  await change(lake, identifierOf(places), fields((now, id) => [...now.filter(({ name }) => name !== 'orders'), { id, name: 'note', required: false, type: 'string' }]))
  await lake.append([order('c', '2026-01-01T10:30:00Z', 'EU'), order('d', '2026-01-03T00:00:00Z', 'US')])
  t.match(await runner.cycle(), [{ outcome: 'written' }])
  const table = await lake.catalog.loadTable(identifierOf(places))
  const { files } = await scanFiles(lake.storage, table)
  t.same(await lake.rows(`select their_region, orders::int as orders, note from ${await scanOf(lake, table, files)} where their_region in ('EU', 'US') order by their_hour`), [{ their_region: 'EU', orders: 2, note: null }, { their_region: 'US', orders: 1, note: null }])
})

t.test('a source\'s renamed column is still read, and a member of one; its partition field of that name is another thing', async t => {
  const { lake, runner } = await openWith(t, [places, towns])
  const { metadata } = await lake.catalog.loadTable(eventsId)
  const columns = currentSchema(metadata).fields
  const members = columns.flatMap(({ name, type }) => typeof type !== 'string' && type.type === 'struct' ? type.fields.map(member => [`${name}.${member.name}`, member.id]) : [])
  const ids = Object.fromEntries([...columns.map(({ name, id }) => [name, id]), ...members])
  await change(lake, eventsId, () => [{ 'action': 'set-properties', 'updates': { 'firn.columns': JSON.stringify(ids) } }])
  await lake.append([{ ...order('c', '2026-01-01T12:00:00Z', 'EU'), location: "{'city': 'Bonn'}" }])
  await runner.cycle()
  await change(lake, eventsId, rename('region', 'their_region'))
  await change(lake, eventsId, rename('event_type', 'their_type'))
  await change(lake, eventsId, fields(now => now.map(field => field.name !== 'location' || typeof field.type === 'string' || field.type.type !== 'struct'
    ? field
    : { ...field, type: { ...field.type, fields: field.type.fields.map(member => member.name === 'city' ? { ...member, name: 'town' } : member) } })))
  const counted = async (): Promise<unknown[]> => {
    t.match(await runner.cycle({ full: ['places', 'towns'] }), [{ outcome: 'written', rows: 3 }, { outcome: 'written', rows: 3 }])
    const table = await lake.catalog.loadTable(identifierOf(towns))
    const { files } = await scanFiles(lake.storage, table)
    return await lake.rows(`select city, orders::int as orders from ${await scanOf(lake, table, files)} order by hour`)
  }
  const should = [{ city: null, orders: 1 }, { city: null, orders: 1 }, { city: 'Bonn', orders: 1 }]
  t.strictSame(await counted(), should)
  // A snapshot that was made under the new names.
  await lake.compact(eventsId)
  t.strictSame(await counted(), should)
})

t.test('what cannot be followed stops that model alone, with an advice', async t => {
  const { lake, runner } = await openWith(t, [places, beside])
  await runner.cycle()
  await change(lake, identifierOf(places), fields((now, id) => [...now, { id, name: 'must', required: true, type: 'string' }]))
  await lake.append([order('c', '2026-01-01T10:30:00Z', 'EU')])
  t.match(await runner.cycle(), [{ model: 'places', outcome: 'failed', error: /analytics\.places.*must required.*make column must optional.*--full/ }, { model: 'beside', outcome: 'written' }])
  await change(lake, identifierOf(places), fields(now => now.map(field => ({ ...field, required: false }))))
  t.match(await runner.cycle({ only: ['places'] }), [{ outcome: 'written' }])
})
