// What a batch's files assume, against the base that its commit asserts: one row a change by another engine.

import t from 'tap'
import { decideLayout, judgeBase, ownSchema } from './file-layout.ts'
import { ownColumnsProperty } from './own-columns.ts'
import type { NestedField, PartitionField, TableMetadata } from './types.ts'

const wanted = [{ name: 'id', type: 'string', required: true }, { name: 'at', type: 'timestamptz', required: true }, { name: 'note', type: 'string' }]
const fields: NestedField[] = [{ id: 1, name: 'id', required: true, type: 'string' }, { id: 2, name: 'at', required: true, type: 'timestamptz' }, { id: 3, name: 'note', required: false, type: 'string' }]
const day: PartitionField = { 'source-id': 2, 'field-id': 1000, 'name': 'at_day', 'transform': 'day' }
const files = {
  'format-version': 2, 'table-uuid': 'u', 'location': 'file:///w/t', 'last-column-id': 3, 'last-sequence-number': 7n,
  'current-schema-id': 0, 'schemas': [{ 'type': 'struct', 'schema-id': 0, fields }],
  'default-spec-id': 0, 'partition-specs': [{ 'spec-id': 0, 'fields': [day] }],
  'snapshots': [{}], 'default-sort-order-id': 0, 'sort-orders': [{ 'order-id': 0, 'fields': [] }],
  'properties': { [ownColumnsProperty]: '{"id":1,"at":2,"note":3}' }
} as unknown as TableMetadata

const withFields = (now: NestedField[]): TableMetadata => ({ ...files, 'current-schema-id': 1, 'schemas': [...files.schemas, { 'type': 'struct', 'schema-id': 1, 'fields': now }] })
const withSpec = (...now: object[]): TableMetadata => ({ ...files, 'default-spec-id': 1, 'partition-specs': [...files['partition-specs'], { 'spec-id': 1, 'fields': now as PartitionField[] }] })
const withProperties = (properties: Record<string, string>): TableMetadata => ({ ...files, properties: { ...files.properties, ...properties } })
const field = (transform: string, source = 3): object => ({ 'source-id': source, 'field-id': 1001, 'name': 'note_part', transform })

t.test('same, follow or halt', async t => {
  const rows: [string, TableMetadata, 'same' | RegExp, RegExp?][] = [
    ['the base is the very table', files, 'same'],
    ['another commit lies on top', { ...files, 'last-sequence-number': 8n }, 'same'],
    ['a property that concerns no file', withProperties({ 'comment': 'x', 'history.expire.max-snapshot-age-ms': '1' }), 'same'],
    ['a sort order: files say that they have none', { ...files, 'default-sort-order-id': 1 }, 'same'],
    ['a column of others', withFields([...fields, { id: 4, name: 'more', required: false, type: 'long' }]), 'same'],
    ['documentation', withFields(fields.map(one => ({ ...one, doc: 'said' }))), 'same'],
    ['the same spec set once more', { ...files, 'partition-specs': [...files['partition-specs'], { 'spec-id': 1, 'fields': [] }] }, 'same'],
    ['a column renamed', withFields(fields.map(one => one.id === 3 ? { ...one, name: 'remark' } : one)), /follow: the columns/],
    ['a column dropped', withFields(fields.slice(0, 2)), /follow: add note again/],
    ['a column relaxed', withFields(fields.map(one => ({ ...one, required: false }))), /follow: the columns/],
    ['a column widened', withFields(fields.map(one => one.id === 3 ? { ...one, type: 'binary' as const } : one)), /halt: column note .*type binary cannot become string/],
    ['a default to be written', withFields([...fields, { 'id': 4, 'name': 'more', 'required': false, 'type': 'long', 'write-default': 5 }]), /follow: the columns/],
    ['a required column of others', withFields([...fields, { id: 4, name: 'more', required: true, type: 'long' }]), /halt: .*more required/, /DROP NOT NULL/],
    ...['identity', 'bucket[4]', 'truncate[3]', 'void'].map((transform): [string, TableMetadata, RegExp] => [`a partition field ${transform}`, withSpec(day, field(transform)), /follow: the partition spec/]),
    ['a partition field renamed', withSpec({ ...day, name: 'd' }), /follow: the partition spec/],
    ['all partition fields gone', withSpec(), /follow: the partition spec/],
    ['a transform that is not known', withSpec(day, field('zorder[2]')), /halt: .*zorder/, /DROP PARTITION FIELD note_part/],
    ['a partition field of several columns', withSpec({ 'source-ids': [1, 3], 'field-id': 1001, 'name': 'many', 'transform': 'bucket[4]' }), /halt: .*several columns/, /remove partition field many/],
    ['a partition field of a column that is gone', withSpec(day, field('identity', 9)), /halt: .*field 9/, /remove partition field/],
    ['a later format', { ...files, 'format-version': 9 }, /halt: its format version is 9/, /start a release that knows version 9/],
    ['the first format', { ...files, 'format-version': 1 }, /halt: its format version is 1/, /'format-version'='2'/],
    ['another codec', withProperties({ 'write.parquet.compression-codec': 'snappy' }), /follow: the codec/],
    ['a codec that DuckDB has not', withProperties({ 'write.parquet.compression-codec': 'lzo' }), 'same'],
    ['moved', { ...files, location: 'file:///w/elsewhere' }, /follow: the location/],
    ['files in another folder', withProperties({ 'write.data.path': 'file:///w/data' }), /follow: the location/],
    ['hashed paths', withProperties({ 'write.object-storage.enabled': 'true' }), /follow: the location/],
    ['paths by a Java class', withProperties({ 'write.location-provider.impl': 'org.Own' }), /halt: .*org\.Own/, /UNSET TBLPROPERTIES/],
    ['encrypted', withProperties({ 'encryption.key-id': 'k' }), /halt: .*not encrypted/, /UNSET TBLPROPERTIES/]
  ]
  for (const [what, base, expected, advice] of rows) {
    const judged = judgeBase(files, base, wanted)
    const said = judged.kind === 'same' ? 'same' : judged.kind === 'follow' ? `follow: ${judged.changes.join(', ')}` : `halt: ${judged.reason}`
    if (expected === 'same') t.equal(said, 'same', what)
    else t.match(said, expected, what)
    if (advice !== undefined) t.match(judged.kind === 'halt' && judged.advice, advice, `${what}: advice`)
  }
})

t.test('files are written under the names that the table has, and read under ours', async t => {
  const base = withFields([{ ...fields[2]!, name: 'remark' }, { id: 4, name: 'note', required: false, type: 'int' }, ...fields.slice(0, 2)])
  const decided = decideLayout(base, wanted)
  if (decided.kind !== 'fits') return t.fail('it fits')
  t.strictSame(decided.layout.schema.fields.map(({ id, name }) => [id, name, decided.layout.ownNames.get(id)]), [[3, 'remark', 'note'], [1, 'id', 'id'], [2, 'at', 'at']])
  t.strictSame(ownSchema(base, wanted).fields.map(({ id, name }) => [id, name]), [[3, 'note'], [1, 'id'], [2, 'at']])
})
