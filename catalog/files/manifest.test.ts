import t from 'tap'
import fc from 'fast-check'
import type { DataFile, ManifestEntry, ManifestFile } from '../spec/data-file.ts'
import { partitionColumns } from '../spec/partition.ts'
import type { PartitionSpec, Schema, TableMetadata } from '../spec/types.ts'
import { decodeContainer } from './avro-container.ts'
import { addedEntry, decodeManifest, encodeManifest, unassignedSequence } from './manifest.ts'
import { decodeManifestList, encodeManifestList } from './manifest-list.ts'
import { manifestNames, manifestSchema } from './manifest-schema.ts'

const schema: Schema = {
  'type': 'struct',
  'schema-id': 3,
  'fields': [
    { id: 1, name: 'event_type', required: true, type: 'string' }, { id: 2, name: 'event_time', required: false, type: 'timestamptz' },
    { id: 3, name: 'amount', required: false, type: 'decimal(18, 2)' }, { id: 4, name: 'key', required: false, type: 'uuid' }, { id: 5, name: 'n', required: false, type: 'long' }
  ]
}
const spec: PartitionSpec = {
  'spec-id': 2,
  'fields': [
    { 'source-id': 1, 'field-id': 1000, 'name': 'event-type', 'transform': 'identity' }, { 'source-id': 2, 'field-id': 1001, 'name': 'event_date', 'transform': 'day' },
    { 'source-id': 3, 'field-id': 1002, 'name': 'amount', 'transform': 'identity' }, { 'source-id': 4, 'field-id': 1003, 'name': 'key', 'transform': 'identity' },
    { 'source-id': 5, 'field-id': 1004, 'name': 'n_trunc', 'transform': 'truncate[10]' }
  ]
}
const metadata = { 'schemas': [schema], 'partition-specs': [spec] } as unknown as TableMetadata
const context = { schema, schemas: [schema], spec, snapshotId: 7n }

const big = fc.bigInt({ min: 0n, max: 2n ** 62n })
const counts = fc.array(fc.tuple(fc.integer({ min: 1, max: 200 }), big)).map(entries => new Map(entries))
const bytes = fc.array(fc.tuple(fc.integer({ min: 1, max: 200 }), fc.uint8Array({ maxLength: 20 }).map(raw => Buffer.from(raw)))).map(entries => new Map(entries))
const files: fc.Arbitrary<DataFile> = fc.record({
  location: fc.string({ unit: 'binary' }).map(name => `file:///${name}`),
  format: fc.constant('PARQUET'),
  specId: fc.constant(2),
  partition: fc.record({
    'event-type': fc.option(fc.string()), 'event_date': fc.option(fc.integer()), 'amount': fc.option(fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n })), 'key': fc.option(fc.uuid()),
    'n_trunc': fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))
  }),
  recordCount: big, fileSizeBytes: big, columnSizes: counts, valueCounts: counts, nullValueCounts: counts, lowerBounds: bytes, upperBounds: bytes,
  splitOffsets: fc.option(fc.array(big)), sortOrderId: fc.option(fc.nat(5))
})

t.test('entries come back as they were written, with what they inherit filled in', async () => {
  await fc.assert(fc.asyncProperty(fc.array(files, { maxLength: 6 }), async written => {
    const { bytes: encoded, manifest } = await encodeManifest('file:///m.avro', written.map(file => addedEntry(file, 7n)), context)
    const entries = await decodeManifest(encoded, { ...manifest, sequenceNumber: 12n }, metadata)
    const same = JSON.stringify(entries.map(entry => entry.file), printable) === JSON.stringify(written, printable)
    return same && entries.every(entry => entry.status === 'added' && entry.snapshotId === 7n && entry.sequenceNumber === 12n && entry.fileSequenceNumber === 12n)
  }), { numRuns: 60 })
})

const plain: DataFile = {
  location: 'file:///a.parquet', format: 'PARQUET', specId: 2, partition: { 'event-type': 'b', 'event_date': 20_000, 'amount': -5n, 'key': null, 'n_trunc': 10n }, recordCount: 10n, fileSizeBytes: 100n,
  columnSizes: new Map(), valueCounts: new Map(), nullValueCounts: new Map(), lowerBounds: new Map(), upperBounds: new Map(), splitOffsets: null, sortOrderId: 0
}

t.test('the header says what every reader wants to know', async t => {
  const { bytes: encoded } = await encodeManifest('file:///m.avro', [addedEntry(plain, 7n)], context)
  const { metadata: header } = await decodeContainer(encoded, manifestNames)
  t.same(JSON.parse(header.get('schema') ?? ''), { 'type': 'struct', 'schema-id': 3, 'fields': schema.fields })
  t.same(JSON.parse(header.get('partition-spec') ?? ''), spec.fields, 'the fields alone, not the spec')
  t.match(Object.fromEntries(header), { 'schema-id': '3', 'partition-spec-id': '2', 'format-version': '2', 'content': 'data', 'avro.codec': 'deflate' })
  t.match(header.get('avro.schema'), /"field-id":1001/)
  t.match(header.get('avro.schema'), /"iceberg-field-name":"event-type"/)
})

t.test('the schema is Java\'s, record names and all', async t => {
  const text = JSON.stringify(manifestSchema(partitionColumns(spec, [schema])))
  for (const name of ['manifest_entry', 'r2', 'r102', 'k117_v118', 'k119_v120', 'k121_v122', 'k138_v139', 'k126_v127', 'k129_v130', 'decimal_18_2', 'uuid_fixed']) t.match(text, `"name":"${name}"`)
  t.match(text, '{"type":"int","logicalType":"date"}', 'a day is a date')
  t.match(JSON.stringify(manifestSchema([])), '"name":"r102","fields":[]', 'an unpartitioned table has an empty record')
})

t.test('the row of a manifest counts its files and sums up its partitions', async t => {
  const entry = (status: ManifestEntry['status'], sequenceNumber: bigint | null, date: number | null): ManifestEntry =>
    ({ ...addedEntry({ ...plain, partition: { ...plain.partition, event_date: date } }, 7n), status, sequenceNumber, fileSequenceNumber: sequenceNumber })
  const { manifest } = await encodeManifest('file:///m.avro', [entry('added', null, 5), entry('existing', 3n, -4), entry('deleted', 1n, null)], context)
  t.match(manifest, { addedFiles: 1, existingFiles: 1, deletedFiles: 1, addedRows: 10n, existingRows: 10n, deletedRows: 10n, minSequenceNumber: 3n, sequenceNumber: unassignedSequence })
  t.match(manifest.partitions?.[1], { containsNull: true, lower: Buffer.from([0xfc, 0xff, 0xff, 0xff]), upper: Buffer.from([5, 0, 0, 0]) })
  t.match(manifest.partitions?.[3], { containsNull: true, lower: null, upper: null })
})

t.test('an existing entry without a sequence number is corruption', async t => {
  const entry: ManifestEntry = { ...addedEntry(plain, 7n), status: 'existing' }
  const { bytes: encoded, manifest } = await encodeManifest('file:///m.avro', [entry], context)
  await t.rejects(decodeManifest(encoded, { ...manifest, sequenceNumber: 4n }, metadata), { code: 'CATALOG_METADATA_DAMAGED', message: /file:\/\/\/m.avro.*no sequence number/ })
})

t.test('a list carries old manifests over verbatim and numbers new ones', async t => {
  const { manifest } = await encodeManifest('file:///new.avro', [addedEntry(plain, 7n)], context)
  const old: ManifestFile = { ...manifest, location: 'file:///old.avro', sequenceNumber: 3n, minSequenceNumber: 2n, addedSnapshotId: 2n ** 63n - 1n, partitions: null, keyMetadata: Buffer.from('k') }
  const { bytes: encoded, manifests } = await encodeManifestList({ snapshotId: 7n, parentSnapshotId: null, sequenceNumber: 12n }, [manifest, old])
  t.same(await decodeManifestList(encoded, 'file:///list.avro'), manifests)
  t.same(manifests[1], old)
  t.match(manifests[0], { sequenceNumber: 12n, minSequenceNumber: 12n })
  const { metadata: header } = await decodeContainer(encoded, new Map())
  t.match(Object.fromEntries(header), { 'snapshot-id': '7', 'parent-snapshot-id': 'null', 'sequence-number': '12', 'format-version': '2' })
  await t.rejects(decodeManifestList(encoded.subarray(0, 700), 'file:///list.avro'), { code: 'CATALOG_METADATA_DAMAGED', message: /list.avro cannot be read as a manifest list/ })
})

function printable(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value instanceof Map ? [...value] : value
}
