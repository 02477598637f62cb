// What a table asks for in its manifests and files is what it gets, in DuckDB's own hands.

import t from 'tap'
import { DuckDBInstance } from '../files/duckdb.ts'
import { copyToDataFile } from '../files/duckdb-copy.ts'
import { metricsModes } from './metrics-modes.ts'
import { parquetCompression } from './parquet-compression.ts'
import { schemaOfColumns } from './schema-evolution.ts'
import type { TableMetadata } from './types.ts'

const schema = schemaOfColumns([
  { name: 'id', type: 'long' }, { name: 'text', type: 'string' },
  { name: 'device', type: { type: 'struct', fields: [{ name: 'type', type: 'string' }] } }
])
const [id, text] = schema.fields.map(field => field.id) as [number, number]
const nested = (schema.fields[2]!.type as { fields: { id: number }[] }).fields[0]!.id
const key = (name: string): string => `write.metadata.metrics.${name}`

t.test('modes: the column before the default, the default before what is inferred', async t => {
  const of = (properties: Record<string, string>) => [id, text, nested].map(each => metricsModes(properties, schema).get(each))
  const [truncated, none, counts, full] = [{ counts: true, boundsMax: 16 }, { counts: false, boundsMax: 0 }, { counts: true, boundsMax: 0 }, { counts: true, boundsMax: null }]
  t.same(of({}), [truncated, truncated, truncated])
  t.same(of({ [key('default')]: 'none' }), [none, none, none])
  t.same(of({ [key('default')]: 'Counts', [key('column.text')]: 'FULL', [key('column.device.type')]: 'truncate(3)' }), [counts, full, { counts: true, boundsMax: 3 }])
  t.same(of({ [key('default')]: 'truncate(0)', [key('column.id')]: 'bounds' }), [truncated, truncated, truncated], 'words that mean nothing')
  t.same(of({ [key('max-inferred-column-defaults')]: '1' }), [truncated, none, none])
  t.same(of({ [key('max-inferred-column-defaults')]: '0', [key('default')]: 'counts' }), [counts, counts, counts])
})

t.test('codec and level in the words of the engine', async t => {
  const of = (codec?: string, level?: string): string => parquetCompression({ ...codec === undefined ? {} : { 'write.parquet.compression-codec': codec }, ...level === undefined ? {} : { 'write.parquet.compression-level': level } })
  t.same([of(), of('SNAPPY'), of('gzip', '9'), of('lz4'), of('uncompressed'), of('lzo'), of('zstd', '19'), of(undefined, '1')],
    ['zstd', 'snappy', 'gzip', 'lz4_raw', 'uncompressed', 'zstd', 'zstd, COMPRESSION_LEVEL 19', 'zstd, COMPRESSION_LEVEL 1'])
  for (const level of ['0', '23', '-1', 'max', '1; DROP', '']) t.equal(of('zstd', level), 'zstd', level)
})

t.test('files and their metrics are as the table asks', async t => {
  const dir = t.testdir({})
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  t.teardown(() => { connection.closeSync() })
  let files = 0
  const write = async (properties: Record<string, string>) => {
    const metadata = { 'schemas': [schema], 'current-schema-id': schema['schema-id'], 'partition-specs': [{ 'spec-id': 0, 'fields': [] }], 'default-spec-id': 0, properties } as unknown as TableMetadata
    const path = `${dir}/${files++}.parquet`
    const file = await copyToDataFile(connection, { toEnginePath: () => path }, { metadata }, {
      select: "SELECT 7::BIGINT AS id, repeat('ä', 40) AS text, {type: 'mobile phone'} AS device", partition: {}, location: `file://${path}`
    })
    const [[codec]] = (await connection.runAndReadAll(`SELECT DISTINCT compression FROM parquet_metadata('${path}')`)).getRows() as [[string]]
    return { file, codec }
  }
  const usual = await write({})
  t.equal(usual.codec, 'ZSTD')
  t.equal(usual.file.lowerBounds.get(text)?.toString(), 'ä'.repeat(16))
  for (const [codec, is] of [['snappy', 'SNAPPY'], ['gzip', 'GZIP'], ['uncompressed', 'UNCOMPRESSED'], ['lz4', 'LZ4_RAW'], ['brotli', 'BROTLI']]) {
    t.equal((await write({ 'write.parquet.compression-codec': codec! })).codec, is)
  }
  t.equal((await write({ 'write.parquet.compression-level': '19' })).codec, 'ZSTD')
  const { file } = await write({ [key('default')]: 'counts', [key('column.text')]: 'full', [key('column.device.type')]: 'truncate(3)', [key('column.id')]: 'none' })
  t.equal(file.lowerBounds.get(text)?.toString(), 'ä'.repeat(40))
  t.equal(file.upperBounds.get(text)?.toString(), 'ä'.repeat(40))
  t.equal(file.lowerBounds.get(nested)?.toString(), 'mob')
  t.equal(file.upperBounds.get(nested)?.toString(), 'moc', 'cut upwards')
  for (const map of [file.valueCounts, file.nullValueCounts, file.columnSizes, file.lowerBounds, file.upperBounds]) t.notOk(map.has(id), 'none is none')
  const counted = (await write({ [key('default')]: 'counts' })).file
  t.equal(counted.valueCounts.get(text), 1n)
  t.equal(counted.lowerBounds.size + counted.upperBounds.size, 0)
})
