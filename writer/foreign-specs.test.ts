// Partitioning is the table's: whatever spec another engine sets, each row lies in the partition that its own values say, and
// ids are found across specs.

import t from 'tap'
import { DuckDBBlobValue, DuckDBDecimalValue } from '@duckdb/node-api'
import { applyTransform, currentSchema, duckdbScan, DuckDBInstance, listFields, partitionKey, scanFiles, type Partition, type SingleValue } from '../catalog/index.ts'
import { full, order, setSpec, type TableName } from './foreign-hands.ts'
import { day, openLine, pageView, type Line } from './started-line.ts'

/** What is used of a test. */
type Tap = Pick<typeof t, 'ok' | 'notOk' | 'equal' | 'not' | 'same' | 'match' | 'fail' | 'rejects'>

const isolated = (name: string, run: (t: Tap, line: Line) => Promise<void>): void => {
  void t.test(name, async t => {
    const line = await openLine(t.testdir({}))
    t.teardown(async () => { await line.close() })
    await run(t, line)
  })
}

/** Each file of the newest spec holds the rows of its tuple alone, and no two files of one commit the same tuple. */
async function judgePlaces (t: Tap, line: Line, name: TableName): Promise<void> {
  const table = await line.table(name)
  const { metadata } = table
  const spec = metadata['partition-specs'].find(one => one['spec-id'] === metadata['default-spec-id'])!
  const fields = listFields(currentSchema(metadata))
  const { files } = await scanFiles(line.storage, table)
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run("SET TimeZone = 'UTC'")
  const seen = new Set<string>()
  for (const file of files.filter(one => one.specId === spec['spec-id'])) {
    const columns = spec.fields.map(({ 'source-id': id }) => fields.find(one => one.field.id === id)!)
    const list = columns.map(({ path, field }) => field.type === 'timestamptz' ? `epoch_us("${path.join('"."')}")` : `"${path.join('"."')}"`).join(', ')
    const rows = columns.length === 0 ? [] : (await connection.runAndReadAll(`SELECT DISTINCT ${list} FROM ${duckdbScan(table, [file], line.storage)}`)).getRows()
    for (const row of rows) {
      const should: Partition = Object.fromEntries(spec.fields.map((one, i) => [one.name, applyTransform(one.transform, columns[i]!.field.type, valueOf(row[i]))]))
      if (partitionKey(spec.fields, should) !== partitionKey(spec.fields, file.partition)) t.fail(`a row of ${String(partitionKey(spec.fields, should))} lies in ${String(partitionKey(spec.fields, file.partition))}`)
    }
    const place = `${file.snapshotId}/${partitionKey(spec.fields, file.partition)}`
    if (seen.has(place)) t.fail(`two files of one commit have the partition ${place}`)
    seen.add(place)
  }
  t.ok(seen.size > 0, 'files of the new spec are there')
  connection.closeSync()
}

function valueOf (value: unknown): SingleValue | null {
  if (value instanceof DuckDBDecimalValue) return value.value
  return value instanceof DuckDBBlobValue ? Buffer.from(value.bytes) : value as SingleValue | null
}

const specs: [string, readonly [string, string, string][]][] = [
  ['an identity beside ours', [['event_type', 'identity', 'event_type'], ['event_time', 'day', 'event_date'], ['user_id', 'identity', 'user_id']]],
  ['a truncated text', [['event_type', 'identity', 'event_type'], ['event_time', 'day', 'event_date'], ['user_id', 'truncate[3]', 'user_trunc']]],
  ['buckets of ids', [['event_id', 'bucket[4]', 'event_bucket'], ['event_time', 'hour', 'event_hour']]],
  ['a month of another time', [['received_at', 'month', 'received_month'], ['event_type', 'identity', 'event_type']]],
  ['years, of a column of ours that no client sends', [['committed_at', 'year', 'committed_year'], ['log_topic', 'identity', 'topic']]],
  ['numbers', [['log_partition', 'identity', 'log_partition'], ['log_offset', 'truncate[7]', 'offsets'], ['quantity', 'bucket[3]', 'pieces']]],
  ['money', [['amount', 'identity', 'amount'], ['unit_price', 'truncate[100]', 'price']]],
  ['a member of a group', [['location.city', 'identity', 'city'], ['location.latitude', 'identity', 'latitude']]],
  ['our fields under other names', [['event_type', 'identity', 'kind'], ['event_time', 'day', 'd']]],
  ['another column under the name of ours', [['user_id', 'identity', 'user_id'], ['event_id', 'truncate[1]', 'event_date']]],
  ['dropped fields (void)', [['event_type', 'void', 'event_type'], ['event_time', 'day', 'event_date']]],
  ['nothing', []]
]

isolated('rows lie where the spec of another engine says, from their own values', async (t, line) => {
  await line.send([{ value: pageView('before') }])
  await line.drain()
  for (const [i, [what, terms]] of specs.entries()) {
    await setSpec(line, terms)
    const id = (name: string): string => `${name}-${i}`
    await line.send([
      ...['a', 'b', 'c'].map(name => ({ value: pageView(id(name), { ...full, user_id: `u-${name}ß`, location: { city: `ö${name}`, latitude: 50.5 } }) })),
      { value: pageView(id('d')) }, { value: order(id('o1')) }, { value: order(id('o2'), { unit_price: '-4.45' }) }, { value: pageView('before') }, { value: pageView('a-0') },
      { value: pageView(id('yesterday'), { timestamp: new Date(Date.now() - day * 1000).toISOString() }) }
    ])
    await line.drain()
    await judgePlaces(t, line, 'events')
    t.same(await line.query(`SELECT count(*)::INT AS n FROM events WHERE event_id LIKE '%-${i}'`), [{ n: 7 }], what)
  }
  t.same(await line.query('SELECT count(*)::INT AS rows, count(DISTINCT event_id)::INT AS ids FROM events'), [{ rows: 1 + specs.length * 7, ids: 1 + specs.length * 7 }], 'each once, also those that came again under other specs')
})

isolated('dead letters follow their table\'s spec as well', async (t, line) => {
  await line.drain()
  await setSpec(line, [['reason', 'identity', 'reason'], ['log_offset', 'bucket[3]', 'b'], ['payload', 'truncate[2]', 'p']], 'dead_letters')
  await line.send([...['not json', '[1]', '{}'].map(value => ({ value })), { value: pageView('twice') }, { value: pageView('twice') }])
  await line.drain()
  await judgePlaces(t, line, 'dead_letters')
  t.same(await line.query('SELECT count(*)::INT AS n FROM dead_letters'), [{ n: 4 }])
})

isolated('a partition for each row: batches become smaller, and all of it lands', async (t, line) => {
  await line.drain()
  await setSpec(line, [['event_id', 'identity', 'event_id']])
  await line.send(Array.from({ length: 40 }, (_, i) => ({ value: pageView(`p${i}`) })))
  await line.drain({ rowsMax: 30, filesMax: 20 })
  t.same(await line.query('SELECT count(*)::INT AS rows, count(DISTINCT event_id)::INT AS ids FROM events'), [{ rows: 40, ids: 40 }])
  await judgePlaces(t, line, 'events')
})
