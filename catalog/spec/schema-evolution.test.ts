import t from 'tap'
import { diffSchema, schemaOfColumns } from './schema-evolution.ts'
import { listFields } from './schema.ts'

const columns = [
  { name: 'event_id', type: 'string', required: true },
  { name: 'device', type: { type: 'struct', fields: [{ name: 'type', type: 'string' }, { name: 'os', type: 'string' }] } },
  { name: 'quantity', type: 'int' },
  { name: 'amount', type: 'decimal(9, 2)' }
]
const schema = schemaOfColumns(columns)

t.test('ids are given a level at a time, as Java gives them', async t => {
  t.same(listFields(schema).map(({ path, field }) => [path.join('.'), field.id]), [['event_id', 1], ['device', 2], ['device.type', 5], ['device.os', 6], ['quantity', 3], ['amount', 4]])
})

t.test('the same columns change nothing, and neither does a writer that is older than the table', async t => {
  t.equal(diffSchema(schema, 6, columns), null)
  t.equal(diffSchema(schema, 6, columns.slice(0, 1)), null)
  const newer = schemaOfColumns(columns.map(column => column.name === 'quantity' ? { ...column, type: 'long' } : { ...column, required: false }))
  t.equal(diffSchema(newer, 6, columns), null)
})

t.test('columns are added with fresh ids, nested ones too', async t => {
  const wanted = [...columns, { name: 'tags', type: { 'type': 'list', 'element': 'string', 'element-id': 0, 'element-required': false } }, { name: 'device', type: { type: 'struct', fields: [{ name: 'browser', type: 'string' }] } }]
    .toSpliced(1, 1)
  const diff = diffSchema(schema, 6, wanted)
  t.same(diff?.changes, ['add device.browser', 'add tags'])
  t.equal(diff?.lastColumnId, 9)
  t.same(listFields(diff?.schema ?? schema).filter(({ field }) => field.id > 6).map(({ path, field }) => [path.join('.'), field.id]), [['device.browser', 7], ['tags', 8], ['tags.element', 9]])
})

t.test('types widen and required is relaxed; everything else is refused with the reason', async t => {
  const diff = diffSchema(schema, 6, [{ name: 'event_id', type: 'string' }, { name: 'quantity', type: 'long' }, { name: 'amount', type: 'decimal(18, 2)' }])
  t.same(diff?.changes, ['relax event_id', 'widen quantity to long', 'widen amount to decimal(18, 2)'])
  t.equal(diff?.lastColumnId, 6)
  t.throws(() => diffSchema(schema, 6, [{ name: 'quantity', type: 'string' }]), { code: 'CATALOG_SCHEMA_CHANGE_REFUSED', message: /quantity.*type int cannot become string/ })
  t.throws(() => diffSchema(schema, 6, [{ name: 'amount', type: 'decimal(18, 3)' }]), { code: 'CATALOG_SCHEMA_CHANGE_REFUSED' })
  t.throws(() => diffSchema(schema, 6, [{ name: 'device', type: 'string' }]), { code: 'CATALOG_SCHEMA_CHANGE_REFUSED' })
  t.throws(() => diffSchema(schema, 6, [{ name: 'fresh', type: 'string', required: true }]), /required column/)
  t.throws(() => diffSchema(schema, 6, [{ name: 'Amount', type: 'string' }]), /differs only in case/)
})
