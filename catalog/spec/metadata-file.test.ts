import t from 'tap'
import { decodeMetadataFile } from './metadata-file.ts'

t.test('a metadata file with bytes that are no text is damaged, not a table with other names in it', t => {
  const metadata = { 'format-version': 2, 'table-uuid': '9c12d441-03fe-4693-9a96-a0705ddf69c1', location: 'file:///t', 'last-updated-ms': 1, 'last-column-id': 0, 'last-sequence-number': 0, 'current-schema-id': 0, schemas: [{ type: 'struct', 'schema-id': 0, fields: [] }], 'default-spec-id': 0, 'partition-specs': [{ 'spec-id': 0, fields: [] }], 'last-partition-id': 999, 'default-sort-order-id': 0, 'sort-orders': [{ 'order-id': 0, fields: [] }], properties: { owner: 'identity' }, snapshots: [] }
  const bytes = Buffer.from(JSON.stringify(metadata))
  t.equal(decodeMetadataFile('file:///t/v1.metadata.json', bytes).properties['owner'], 'identity')
  const at = bytes.indexOf('identity')
  for (let i = at; i < at + 8; i++) bytes[i]! ^= 0xff
  t.throws(() => decodeMetadataFile('file:///t/v1.metadata.json', bytes), { code: 'CATALOG_METADATA_DAMAGED', message: /cannot be read as table metadata/ })
  t.end()
})
