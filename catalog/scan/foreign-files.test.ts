/**
 * Files that other engines write or change: read by field id at every level, without ids by the table's mapping, with what they lack from
 * the partition or a default. Each test says what the table's other readers (Iceberg Java, PyIceberg) give.
 */
import t from 'tap'
import { openForeignTable } from './foreign-table.fixture.ts'

const struct = (...fields: object[]) => ({ type: 'struct', fields })
const field = (id: number, name: string, type: unknown, more: object = {}) => ({ id, name, required: false, type, ...more })

t.test('columns that were renamed, swapped, dropped, added, moved and widened are found by their ids', async t => {
  const table = await openForeignTable(t, [field(1, 'a', 'int'), field(2, 'b', 'string'), field(3, 'gone', 'string')])
  await table.addParquet('SELECT 7::INTEGER AS a, \'x\' AS b, \'old\' AS gone', '{a: 1, b: 2, gone: 3}')
  await table.setSchema([field(2, 'a', 'string'), field(4, 'gone', 'long'), field(1, 'b', 'long')])
  t.same(await table.rows(), [{ a: 'x', gone: null, b: '7' }])
})

t.test('members of nested columns are found by their ids, inside lists and maps too', async t => {
  const table = await openForeignTable(t, [
    field(1, 'place', struct(field(2, 'city', 'string'), field(3, 'region', 'string'))),
    field(4, 'items', { 'type': 'list', 'element-id': 5, 'element-required': false, 'element': struct(field(6, 'sku', 'string'), field(7, 'n', 'int')) }),
    field(8, 'tags', { 'type': 'map', 'key-id': 9, 'key': 'string', 'value-id': 10, 'value-required': false, 'value': struct(field(11, 'v', 'int')) })
  ])
  const ids = `{place: {__duckdb_field_id: 1, city: 2, region: 3}, items: {__duckdb_field_id: 4, element: {__duckdb_field_id: 5, sku: 6, n: 7}},
    tags: {__duckdb_field_id: 8, key: 9, value: {__duckdb_field_id: 10, v: 11}}}`
  await table.addParquet('SELECT {city: \'Bonn\', region: \'NW\'} AS place, [{sku: \'s\', n: 2}, NULL] AS items, MAP {\'k\': {v: 1}, \'z\': NULL} AS tags', ids)
  await table.addParquet('SELECT NULL::STRUCT(city VARCHAR, region VARCHAR) AS place, NULL::STRUCT(sku VARCHAR, n INTEGER)[] AS items, NULL::MAP(VARCHAR, STRUCT(v INTEGER)) AS tags', ids)
  await table.setSchema([
    field(1, 'place', struct(field(3, 'city', 'string'), field(12, 'region', 'string'), field(2, 'town', 'string'))),
    field(4, 'items', { 'type': 'list', 'element-id': 5, 'element-required': false, 'element': struct(field(7, 'pieces', 'long')) }),
    field(8, 'tags', { 'type': 'map', 'key-id': 9, 'key': 'string', 'value-id': 10, 'value-required': false, 'value': struct(field(11, 'w', 'long'), field(13, 'v', 'int')) })
  ])
  t.same(await table.rows('ORDER BY place IS NULL'), [
    { place: { city: 'NW', region: null, town: 'Bonn' }, items: [{ pieces: '2' }, null], tags: [{ key: 'k', value: { w: '1', v: null } }, { key: 'z', value: null }] },
    { place: null, items: null, tags: null }
  ])
})

t.test('a nested field that was dropped, and one of its name that came after it, leave the table readable', async t => {
  const table = await openForeignTable(t, [field(1, 'place', struct(field(2, 'city', 'string'), field(3, 'region', 'string')))])
  await table.addParquet('SELECT {city: \'Bonn\', region: \'NW\'} AS place', '{place: {__duckdb_field_id: 1, city: 2, region: 3}}')
  await table.setSchema([field(1, 'place', struct(field(3, 'region', 'string')))])
  t.same(await table.rows(), [{ place: { region: 'NW' } }])
  await table.setSchema([field(1, 'place', struct(field(3, 'region', 'string'), field(4, 'city', 'string')))])
  t.same(await table.rows(), [{ place: { region: 'NW', city: null } }], 'not the values of another field that had its name')
})

t.test('columns and members whose names differ only in case are two, and the older one keeps its name', async t => {
  const table = await openForeignTable(t, [field(1, 'region', 'string'), field(2, 'place', struct(field(3, 'city', 'string')))])
  await table.addParquet('SELECT \'EU\' AS region, {city: \'Bonn\'} AS place', '{region: 1, place: {__duckdb_field_id: 2, city: 3}}')
  await table.setSchema([field(4, 'REGION', 'string'), field(1, 'region', 'string'), field(2, 'place', struct(field(5, 'City', 'string'), field(3, 'city', 'string')))])
  // DuckDB writes no such file: the names are changed in it afterwards.
  await table.addParquet('SELECT \'b\' AS region, \'B\' AS regioX, {city: \'c\', citX: \'C\'} AS place', '{region: 1, regioX: 4, place: {__duckdb_field_id: 2, city: 3, citX: 5}}', {}, { renamed: [['regioX', 'REGION'], ['citX', 'City']] })
  t.same(await table.rows('ORDER BY region'), [
    { REGION_4: null, region: 'EU', place: { City_5: null, city: 'Bonn' } },
    { REGION_4: 'B', region: 'b', place: { City_5: 'C', city: 'c' } }
  ])
  t.same(await table.rows('WHERE region = \'EU\'', 'region'), [{ region: 'EU' }])
})

t.test('files without ids are read by the table\'s name mapping, at every level and by any of the names', async t => {
  const table = await openForeignTable(t, [field(1, 'id', 'long'), field(2, 'label', 'string'), field(3, 'place', struct(field(4, 'city', 'string'))), field(5, 'ns', { 'type': 'list', 'element-id': 6, 'element-required': false, 'element': 'int' })])
  await table.addParquet('SELECT 1::BIGINT AS id, \'own\' AS label, {city: \'Bonn\'} AS place, [1] AS ns', '{id: 1, label: 2, place: {__duckdb_field_id: 3, city: 4}, ns: {__duckdb_field_id: 5, element: 6}}')
  await table.addParquet('SELECT \'foreign\' AS name, 2::INTEGER AS id, {stadt: \'Wien\', plz: 1010} AS place, [2, NULL] AS ns, 9 AS more', null)
  await table.setProperties({
    'schema.name-mapping.default': JSON.stringify([
      { 'field-id': 1, 'names': ['id'] }, { 'field-id': 2, 'names': ['label', 'name'] }, { names: ['more'] },
      { 'field-id': 3, 'names': ['place'], 'fields': [{ 'field-id': 4, 'names': ['city', 'stadt'] }] }, { 'field-id': 5, 'names': ['ns'], 'fields': [{ 'field-id': 6, 'names': ['element'] }] }
    ])
  })
  t.same(await table.rows('ORDER BY id'), [
    { id: '1', label: 'own', place: { city: 'Bonn' }, ns: [1] },
    { id: '2', label: 'foreign', place: { city: 'Wien' }, ns: [2, null] }
  ])
  await table.setProperties({ 'schema.name-mapping.default': 'nonsense' })
  await t.rejects(table.rows(), { code: 'CATALOG_PROPERTY_UNSUPPORTED', message: /schema.name-mapping.default/ })
})

t.test('without a mapping the columns of such files count from 1, as Iceberg Java reads them', async t => {
  const table = await openForeignTable(t, [field(1, 'id', 'long'), field(2, 'place', struct(field(3, 'city', 'string'), field(4, 'zip', 'int')))])
  await table.addParquet('SELECT 5::BIGINT AS anything, {first: \'Bonn\', second: 53111} AS thing', null)
  t.same(await table.rows(), [{ id: '5', place: { city: 'Bonn', zip: 53_111 } }])
})

t.test('identity columns that files leave out come from the partition, whatever their type', async t => {
  const table = await openForeignTable(t, [field(1, 'id', 'long'), field(2, 'p', 'string'), field(3, 'd', 'date'), field(4, 'm', 'decimal(9, 2)'), field(5, 'ts', 'timestamptz'), field(6, 'u', 'uuid'), field(7, 'b', 'binary'), field(8, 'k', 'long')],
    [['identity', 2], ['identity', 3], ['identity', 4], ['identity', 5], ['identity', 6], ['identity', 7], ['bucket[4]', 8]])
  const uuid = 'f79c3e09-677c-4bbd-a479-3f349cb785e7'
  await table.addParquet('SELECT 1::BIGINT AS id', '{id: 1}', { f2: 'Nord/Süd', f3: -1, f4: -5n, f5: -1n, f6: uuid, f7: Buffer.from([0, 255]), f8: 3 })
  await table.addParquet('SELECT 2::BIGINT AS id', '{id: 1}', { f2: null, f3: null, f4: null, f5: null, f6: null, f7: null, f8: null })
  await table.addParquet('SELECT 3::BIGINT AS id, \'in the file\' AS p', '{id: 1, p: 2}', { f2: 'in the file', f3: null, f4: null, f5: null, f6: null, f7: null, f8: null })
  t.same(await table.rows('ORDER BY id'), [
    { id: '1', p: 'Nord/Süd', d: '1969-12-31', m: '-0.05', ts: '1969-12-31 23:59:59.999999+00', u: uuid, b: '\\x00\\xFF', k: null },
    { id: '2', p: null, d: null, m: null, ts: null, u: null, b: null, k: null },
    { id: '3', p: 'in the file', d: null, m: null, ts: null, u: null, b: null, k: null }
  ])
  t.same(await table.rows('WHERE p = \'Nord/Süd\'', 'count(*)::INTEGER AS n'), [{ n: 1 }])
})

t.test('a column with an initial default has it in rows that were written before', async t => {
  const table = await openForeignTable(t, [field(1, 'id', 'long'), field(2, 'place', struct(field(3, 'city', 'string')))])
  await table.addParquet('SELECT 1::BIGINT AS id, {city: \'Bonn\'} AS place', '{id: 1, place: {__duckdb_field_id: 2, city: 3}}')
  const defaults = [
    field(4, 's', 'string', { 'initial-default': 'it\'s' }), field(5, 'n', 'decimal(9, 2)', { 'initial-default': '14.20' }), field(6, 'ts', 'timestamptz', { 'initial-default': '2017-11-16T22:31:08.000001+00:00' }),
    field(7, 'f', 'boolean', { 'initial-default': false }), field(8, 'b', 'binary', { 'initial-default': '00ff' })
  ]
  await table.setSchema([field(1, 'id', 'long'), field(2, 'place', struct(field(3, 'city', 'string'), field(9, 'country', 'string', { 'initial-default': 'DE' }))), ...defaults])
  await table.addParquet('SELECT 2::BIGINT AS id, NULL::VARCHAR AS s', '{id: 1, s: 4}')
  t.same(await table.rows('ORDER BY id'), [
    { id: '1', place: { city: 'Bonn', country: 'DE' }, s: 'it\'s', n: '14.20', ts: '2017-11-16 22:31:08.000001+00', f: false, b: '\\x00\\xFF' },
    { id: '2', place: null, s: null, n: '14.20', ts: '2017-11-16 22:31:08.000001+00', f: false, b: '\\x00\\xFF' }
  ])
})

t.test('a type of v3 that is not read is refused by name; a column of nothing is null', async t => {
  const table = await openForeignTable(t, [field(1, 'id', 'long'), field(2, 'v', 'variant')])
  await table.addParquet('SELECT 1::BIGINT AS id', '{id: 1}')
  await t.rejects(table.rows(), { code: 'CATALOG_FORMAT_UNSUPPORTED', message: /type variant in column v/ })
  await table.setSchema([field(1, 'id', 'long'), field(3, 'nothing', 'unknown')])
  t.same(await table.rows(), [{ id: '1', nothing: null }])
})
