import t from 'tap'
import { createMetadata } from './new-table.ts'
import { partitionColumns, partitionPath, partitionSpecOf } from './partition.ts'
import { schemaOfColumns } from './schema-evolution.ts'
import { applyTransform } from './transforms.ts'
import type { SingleValue } from './single-value.ts'

const schema = schemaOfColumns([
  { name: 'customer_id', type: 'string' }, { name: 'ts', type: 'timestamptz' }, { name: 'day', type: 'date' }, { name: 'n', type: 'long' }, { name: 'rate', type: 'double' }, { name: 'ts_month', type: 'int' },
  { name: 'device', type: { type: 'struct', fields: [{ name: 'os', type: 'string' }] } }, { name: 'tags', type: { 'type': 'list', 'element-id': 0, 'element-required': false, 'element': 'string' } }
])
const spec = (...terms: [transform: string, column: string][]) => partitionSpecOf(schema, terms.map(([transform, column]) => ({ transform, column })))

t.test('partition fields are named as Iceberg\'s own libraries name them', async t => {
  t.same(spec(['identity', 'customer_id'], ['hour', 'ts'], ['bucket[8]', 'customer_id']).fields, [
    { 'source-id': 1, 'field-id': 1000, 'name': 'customer_id', 'transform': 'identity' },
    { 'source-id': 2, 'field-id': 1001, 'name': 'ts_hour', 'transform': 'hour' },
    { 'source-id': 1, 'field-id': 1002, 'name': 'customer_id_bucket', 'transform': 'bucket[8]' }
  ])
  t.same(spec(['day', 'ts'], ['month', 'day'], ['year', 'ts'], ['truncate[4]', 'customer_id'], ['identity', 'device.os']).fields.map(field => field.name), ['ts_day', 'day_month', 'ts_year', 'customer_id_trunc', 'device.os'])
  t.same(spec().fields, [])
})

t.test('a table made with such a spec gives its files paths that people can read', async t => {
  const metadata = createMetadata({ 'schema': schema, 'partition-spec': spec(['hour', 'ts'], ['bucket[16]', 'n'], ['identity', 'customer_id']) }, { location: 'file:///wh/t', uuid: '00000000-0000-0000-0000-000000000000', nowMs: 0 })
  const columns = partitionColumns(metadata['partition-specs'][0] ?? spec(), metadata.schemas)
  const row: Record<string, SingleValue> = { ts: BigInt(Date.parse('2017-11-16T22:31:08Z')) * 1000n, n: 34n, customer_id: 'a/b' }
  const sources = ['ts', 'n', 'customer_id']
  const partition = Object.fromEntries(columns.map((column, index) => [column.name, applyTransform(column.transform, column.sourceType, row[sources[index] ?? ''] ?? null)]))
  t.same(partition, { ts_hour: 419_686, n_bucket: 2_017_239_379 % 16, customer_id: 'a/b' })
  t.equal(partitionPath(columns, partition), 'ts_hour=2017-11-16-22/n_bucket=3/customer_id=a%2Fb')
})

t.test('what cannot be a partition is refused with the reason', async t => {
  const refused: [transform: string, column: string, reason: RegExp][] = [
    ['hour', 'nowhere', /no such column/], ['hour', 'day', /type date/], ['day', 'customer_id', /type string/], ['bucket[8]', 'rate', /type double/], ['truncate[3]', 'ts', /type timestamptz/],
    ['identity', 'device', /type struct/], ['identity', 'tags.element', /type string/], ['bucket', 'n', /bucket\[N\]/], ['weekly', 'ts', /transforms are identity/], ['month', 'ts', /as a column is/]
  ]
  for (const [transform, column, reason] of refused) t.throws(() => spec([transform, column]), { code: 'CATALOG_PARTITION_REFUSED', message: reason }, `${transform} of ${column}`)
  t.throws(() => spec(['hour', 'ts'], ['hour', 'ts']), { code: 'CATALOG_PARTITION_REFUSED', message: /two partition fields ts_hour/ })
})

t.test('any value gives a path that file systems and object stores take, and two values never the same', async t => {
  const names = ['region', 'customer_id', 'note', 'x'.repeat(300)]
  const columns = names.map((name, i) => ({ id: 1000 + i, name, transform: 'identity', sourceType: 'string' as const, type: 'string' as const }))
  const values = ['', '.', '..', '/', '../../etc', 'a/b', 'trailing.', ' ', '"', "'", '\\', '\u0000\u0001\n', '%2F', '*?[x]', '\ufeff', 'ö'.repeat(200), '😀'.repeat(100), 'x'.repeat(4000), `${'x'.repeat(4000)}y`, `${'ö'.repeat(199)}o`]
  const seen = new Set<string>()
  for (const value of values) {
    for (const some of [columns.slice(0, 1), columns]) {
      const path = partitionPath(some, Object.fromEntries(some.map(({ name }) => [name, value])))
      t.ok(Buffer.byteLength(path) <= 500, `${Buffer.byteLength(path)} bytes`)
      for (const part of path.split('/')) t.match(part, /^[A-Za-z0-9._%+=-]{1,120}$/)
      t.notOk(path.split('/').some(part => part === '.' || part === '..'))
      t.doesNotThrow(() => decodeURIComponent(path), 'nothing is cut inside a character')
      t.notOk(seen.has(path), 'it is its own')
      seen.add(path)
    }
  }
})
