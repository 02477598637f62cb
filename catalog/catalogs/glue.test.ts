// What only Glue can show: the table as others read it, versions as locks, outcomes of an update, names, places, credentials.

import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { CatalogError } from '../errors.ts'
import { schemaOfColumns } from '../spec/schema-evolution.ts'
import type { TableChange } from '../spec/types.ts'
import { openLocalStorage, toPath } from '../storage/local.ts'
import type { Storage } from '../storage/storage.ts'
import { connectCatalog, type CatalogOptions } from './connect.ts'
import { startFakeGlue, type FakeGlue } from './fake-glue.ts'
import { hiveType } from './glue-table.ts'

const folder = mkdtempSync(join(tmpdir(), 'firn-glue-'))
t.teardown(() => { rmSync(folder, { recursive: true }) })
const id = { namespace: ['firn'], name: 'events' }
const columns = schemaOfColumns([{ name: 'event_id', type: 'string', required: true }, { name: 'amount', type: 'decimal(18,2)' }])
const setProperty = (name: string, value = '1'): TableChange => ({ requirements: [], updates: [{ 'action': 'set-properties', 'updates': { [name]: value } }] })
let places = 0

async function setUp(t: Test, options: CatalogOptions = {}, properties: Record<string, string> = {}) {
  const glue = await startFakeGlue()
  t.teardown(() => { glue.stop() })
  const warehouse = `${folder}/${places++}`
  const storage = openLocalStorage()
  const again = (more: CatalogOptions = {}) => connectCatalog('glue://eu-west-1', { storage, endpoint: glue.url, warehouseUrl: `file://${warehouse}`, accessKeyId: 'AKID', secretAccessKey: 'wJalr-secret', readAttemptsMax: 2, requestMsMax: 2_000, ...options, ...more })
  const catalog = again()
  await catalog.ensureNamespace(['firn'])
  const table = await catalog.createTable(id, { schema: columns, properties })
  const files = () => readdirSync(toPath(`${table.metadata.location}/metadata`)).sort()
  const pointer = () => glue.table('firn', 'events')?.Parameters?.['metadata_location']
  return { glue, catalog, again, storage, table, files, pointer, warehouse }
}

t.test('a table is written as Iceberg\'s own Glue catalog writes it', async t => {
  const { glue, catalog, table, warehouse } = await setUp(t, {}, { comment: 'what clients sent' })
  const first = glue.table('firn', 'events')
  t.equal(table.metadata.location, `file://${warehouse}/firn.db/events`)
  t.match(table.metadataLocation, /\/metadata\/00000-[0-9a-f-]{36}\.metadata\.json$/)
  t.same(first, {
    Name: 'events', DatabaseName: 'firn', VersionId: '0', TableType: 'EXTERNAL_TABLE', Description: 'what clients sent',
    Parameters: { table_type: 'ICEBERG', metadata_location: table.metadataLocation },
    StorageDescriptor: {
      Location: table.metadata.location,
      Columns: [
        { Name: 'event_id', Type: 'string', Parameters: { 'iceberg.field.id': '1', 'iceberg.field.optional': 'false', 'iceberg.field.current': 'true' } },
        { Name: 'amount', Type: 'decimal(18,2)', Parameters: { 'iceberg.field.id': '2', 'iceberg.field.optional': 'true', 'iceberg.field.current': 'true' } }
      ]
    }
  })
  // Others put things on a table, too.
  glue.touch('firn', 'events', { Owner: 'fraud desk', Parameters: { ...first?.Parameters, 'lakeformation.tag': 'pii' } })
  const renamed = { ...columns, fields: columns.fields.map(field => field.name === 'amount' ? { ...field, id: 2, name: 'total', doc: 'in EUR' } : { ...field, id: 1 }) }
  const reply = await catalog.commitTable(id, { requirements: [], updates: [{ 'action': 'add-schema', 'schema': renamed }, { 'action': 'set-current-schema', 'schema-id': -1 }] })
  t.equal(reply.kind, 'landed')
  const update = glue.calls.findLast(call => call.operation === 'UpdateTable')?.body
  t.match(update, { SkipArchive: true, VersionId: '1', DatabaseName: 'firn' })
  const second = glue.table('firn', 'events')
  t.match(second, { Owner: 'fraud desk', Description: 'what clients sent', Parameters: { 'lakeformation.tag': 'pii', 'table_type': 'ICEBERG', 'previous_metadata_location': table.metadataLocation, 'metadata_location': /\/00001-[0-9a-f-]{36}\.metadata\.json$/ } })
  t.same(second?.StorageDescriptor?.Columns?.map(column => [column.Name, column.Comment, column.Parameters?.['iceberg.field.current']]),
    [['event_id', undefined, 'true'], ['total', 'in EUR', 'true'], ['amount', undefined, 'false']], 'current columns first, then those of before')
})

t.test('types have Hive\'s names', t => {
  t.equal(hiveType({ 'type': 'struct', 'fields': [{ 'id': 1, 'name': 'a', 'required': true, 'type': 'long' }, { 'id': 2, 'name': 'b', 'required': false, 'type': { 'type': 'list', 'element-id': 3, 'element-required': false, 'element': { 'type': 'map', 'key-id': 4, 'key': 'uuid', 'value-id': 5, 'value-required': true, 'value': 'timestamptz' } } }] }),
    'struct<a:bigint,b:array<map<string,timestamp>>>')
  t.same(['boolean', 'int', 'float', 'double', 'date', 'time', 'timestamp', 'binary', 'fixed[16]', 'decimal(9, 2)'].map(type => hiveType(type as 'int')),
    ['boolean', 'int', 'float', 'double', 'date', 'string', 'timestamp', 'binary', 'binary', 'decimal(9,2)'])
  t.end()
})

t.test('a lost version is a conflict, and the metadata file of the loser goes', async t => {
  const { glue, catalog, again, files, pointer } = await setUp(t)
  glue.refuseOnce('UpdateTable', { type: 'ConcurrentModificationException', message: 'Update table failed due to concurrent modifications.' })
  const change = setProperty('a')
  t.match(await catalog.commitTable(id, change), { kind: 'conflict', reason: /version 0 of table firn\.events/ })
  await until(() => files().length === 1)
  // The same change again is a new attempt, with a file of its own.
  t.equal((await catalog.commitTable(id, change)).kind, 'landed')
  t.ok(existsSync(toPath(pointer() ?? '')), 'what Glue points to is there')
  t.equal((await again().loadTable(id)).metadata.properties['a'], '1')
})

t.test('a touch by somebody who knows no Iceberg is a conflict at most, and lost by nobody', async t => {
  const { glue, catalog, again } = await setUp(t)
  t.equal((await catalog.commitTable(id, setProperty('a'))).kind, 'landed')
  glue.touch('firn', 'events', { Description: 'edited in the console' })
  t.equal((await catalog.commitTable(id, setProperty('b'))).kind, 'landed')
  t.equal(glue.table('firn', 'events')?.Description, 'edited in the console')
  t.match((await again().loadTable(id)).metadata.properties, { a: '1', b: '1' })
})

t.test('an update that landed unheard is found, under commits of others too; sent again it is the same, and no file is deleted', async t => {
  const { glue, catalog, again, files, pointer } = await setUp(t)
  const change = setProperty('a')
  glue.loseReplyOnce('UpdateTable')
  t.match(await catalog.commitTable(id, change), { kind: 'unknown', cause: { code: 'CATALOG_UNREACHABLE' } })
  const ours = pointer()
  t.match(await catalog.commitTable(id, change), { kind: 'landed', table: { metadataLocation: ours } })
  const [first, second] = glue.calls.filter(call => call.operation === 'UpdateTable').map(call => call.body)
  t.same(first, second, 'the very same request')
  t.equal((await again().commitTable(id, setProperty('b'))).kind, 'landed')
  t.match(await catalog.commitTable(id, change), { kind: 'landed', table: { metadata: { properties: { a: '1', b: '1' } } } }, 'ours is in the log of the metadata on top')
  await sleep(20)
  t.equal(files().length, 3)
})

t.test('what Glue fails to answer is unknown, and keeps its file; what it refuses is refused, and does not', async t => {
  const unknown: [string, number][] = [['InternalServiceException', 500], ['OperationTimeoutException', 400], ['GlueEncryptionException', 400], ['SomethingNew', 503], ['ThrottlingException', 400], ['ExpiredTokenException', 400]]
  for (const [type, status] of unknown) {
    const { glue, catalog, files } = await setUp(t)
    const change = setProperty('a')
    glue.refuseOnce('UpdateTable', { type, message: 'no luck', status })
    t.match(await catalog.commitTable(id, change), { kind: 'unknown', cause: { retryable: true, message: /./ } }, type)
    await sleep(5)
    t.equal(files().length, 2, `${type} deletes nothing`)
    t.match(await catalog.commitTable(id, change), { kind: 'landed' })
    t.equal(files().length, 2, 'and writes nothing anew')
  }
  const refused: [string, string, string][] = [['AccessDeniedException', 'User: x is not authorized to perform: glue:UpdateTable', 'CATALOG_DENIED'], ['AccessDeniedException', 'Insufficient Lake Formation permission(s) on events', 'CATALOG_LAKE_FORMATION_DENIED'],
    ['EntityNotFoundException', 'Table events not found', 'CATALOG_NO_SUCH_TABLE'], ['InvalidInputException', 'bad', 'CATALOG_REFUSED'], ['ResourceNumberLimitExceededException', 'too many versions', 'CATALOG_REFUSED'], ['UnrecognizedClientException', 'The security token included in the request is invalid.', 'CATALOG_UNAUTHORIZED']]
  for (const [type, message, code] of refused) {
    const { glue, catalog, files } = await setUp(t)
    glue.refuseOnce('UpdateTable', { type, message })
    const reply = await catalog.commitTable(id, setProperty('a'))
    t.match(reply, { kind: 'refused', error: { code, retryable: false } }, type)
    t.notMatch(JSON.stringify(reply), /wJalr|\{\w+\}/, 'no secret, no empty place')
    await until(() => files().length === 1)
  }
})

t.test('a refusal after an unknown answer deletes nothing', async t => {
  const { glue, catalog, files } = await setUp(t)
  const change = setProperty('a')
  glue.refuseOnce('UpdateTable', { type: 'InternalServiceException', message: 'no luck', status: 500 })
  t.equal((await catalog.commitTable(id, change)).kind, 'unknown')
  glue.refuseOnce('UpdateTable', { type: 'AccessDeniedException', message: 'no' })
  t.equal((await catalog.commitTable(id, change)).kind, 'refused')
  await sleep(20)
  t.equal(files().length, 2)
})

t.test('Glue is told nothing before the metadata file is durable', async t => {
  const order: string[] = []
  let calls: FakeGlue['calls'] = []
  const local = openLocalStorage()
  const storage: Storage = { ...local, writeDurably: async (location, bytes) => { await local.writeDurably(location, bytes); order.push(`written before call ${calls.length}`) } }
  const { glue, again } = await setUp(t)
  calls = glue.calls
  const catalog = again({ storage })
  await catalog.createTable({ ...id, name: 'other' }, { schema: columns })
  t.equal((await catalog.commitTable(id, setProperty('a'))).kind, 'landed')
  t.same(order, ['CreateTable', 'UpdateTable'].map(operation => `written before call ${calls.findLastIndex(call => call.operation === operation)}`))
  const full: Storage = { ...local, writeDurably: async location => await Promise.reject(new CatalogError('STORAGE_FULL', { location })) }
  const before = glue.calls.filter(call => call.operation === 'UpdateTable').length
  t.match(await again({ storage: full }).commitTable(id, setProperty('b')), { kind: 'unknown', cause: { code: 'STORAGE_FULL' } }, 'may be tried again')
  t.equal(glue.calls.filter(call => call.operation === 'UpdateTable').length, before)
})

t.test('the log of metadata files is bounded, and old files go when the table asks for it', async t => {
  const { catalog, files, table } = await setUp(t, {}, { 'write.metadata.previous-versions-max': '2', 'write.metadata.delete-after-commit.enabled': 'true' })
  for (let commit = 0; commit < 6; commit++) t.equal((await catalog.commitTable(id, setProperty('n', String(commit)))).kind, 'landed')
  await until(() => files().length === 3)
  t.match(files(), [/^00004-/, /^00005-/, /^00006-/])
  const loaded = await catalog.loadTable(id)
  t.equal(loaded.metadata['metadata-log'].length, 2)
  t.not(loaded.metadataLocation, table.metadataLocation)
})

t.test('a create that landed unheard is ours; one that lost is told, and leaves no file', async t => {
  const { glue, catalog, again, files } = await setUp(t)
  const other = { ...id, name: 'other' }
  glue.loseReplyOnce('CreateTable')
  const made = await catalog.createTable(other, { schema: columns })
  t.equal(glue.table('firn', 'other')?.Parameters?.['metadata_location'], made.metadataLocation)
  await t.rejects(again().createTable(id, { schema: columns, location: 'file://' + toPath((await catalog.loadTable(id)).metadata.location) }), { code: 'CATALOG_ALREADY_EXISTS' })
  await until(() => files().length === 1)
})

t.test('two tables never share a folder; a database may name its own place', async t => {
  const { glue, catalog, table } = await setUp(t)
  await catalog.dropTable(id)
  const next = await catalog.createTable(id, { schema: columns })
  t.match(next.metadata.location, new RegExp(`^${table.metadata.location}-[0-9a-f]{8}$`))
  await t.rejects(catalog.dropTable(id, true), { code: 'CATALOG_PURGE_UNSUPPORTED' })
  t.ok(glue.table('firn', 'events'), 'and it is still there')
  const homeless = connectCatalog('glue://eu-west-1', { storage: openLocalStorage(), endpoint: glue.url, accessKeyId: 'AKID', secretAccessKey: 's' })
  await t.rejects(homeless.createTable({ ...id, name: 'b' }, { schema: columns }), { code: 'CATALOG_LOCATION_MISSING', message: /FIRN_WAREHOUSE_URL/ })
})

t.test('what is no Iceberg table is left alone, and not listed', async t => {
  const { glue, catalog } = await setUp(t)
  for (const name of ['a', 'b', 'c']) await catalog.createTable({ ...id, name }, { schema: columns })
  glue.touch('firn', 'b', { Parameters: { table_type: 'HIVE' } })
  t.same((await catalog.listTables(['firn'])).map(each => each.name), ['events', 'a', 'c'], 'over all pages')
  await t.rejects(catalog.loadTable({ ...id, name: 'b' }), { code: 'CATALOG_NOT_ICEBERG' })
  await t.rejects(catalog.dropTable({ ...id, name: 'b' }), { code: 'CATALOG_NOT_ICEBERG' })
})

t.test('names that Glue would change, and addresses that are none, are refused', async t => {
  const { catalog } = await setUp(t)
  for (const name of ['Events', 'a-b', 'ä', '']) await t.rejects(catalog.loadTable({ ...id, name }), { code: 'CATALOG_NAME_UNSUPPORTED' })
  for (const namespace of [['a', 'b'], [], ['A']]) await t.rejects(catalog.ensureNamespace(namespace), { code: 'CATALOG_NAME_UNSUPPORTED' })
  for (const url of ['glue://', 'glue:eu-west-1', 'glue://eu-west-1/x', 'glue://EU']) t.throws(() => connectCatalog(url, { storage: openLocalStorage() }), { code: 'CATALOG_URL_UNSUPPORTED' })
  t.throws(() => connectCatalog('glue://eu-west-1'), { code: 'CATALOG_STORAGE_MISSING' })
})

t.test('reads are tried again, and end with one sentence', async t => {
  const { glue, catalog, again } = await setUp(t)
  glue.refuseOnce('GetTable', { type: 'InternalServiceException', message: 'no luck', status: 500 })
  t.ok(await catalog.loadTable(id))
  await t.rejects(again({ endpoint: 'http://127.0.0.1:1', readAttemptsMax: 1 }).loadTable(id), { code: 'CATALOG_UNREACHABLE', retryable: true, message: /the catalog at http:\/\/127\.0\.0\.1:1 did not answer \(.*ECONNREFUSED/ })
  const environment = { ...process.env }
  t.teardown(() => { process.env = environment })
  process.env = { AWS_EC2_METADATA_DISABLED: 'true', HOME: folder }
  const nobody = connectCatalog('glue://eu-west-1', { storage: openLocalStorage(), endpoint: glue.url })
  await t.rejects(nobody.loadTable(id), { code: 'CATALOG_CREDENTIALS_MISSING', message: /AWS_ACCESS_KEY_ID/ })
})

/** What happens behind a reply. */
async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 5) {
    if (waited > 2_000) throw new Error('it did not happen within 2 s')
    await sleep(5)
  }
}
