/** Nessie departs from the REST specification in two ways that lose data (nessie.ts); what is sent to it instead. */
import t from 'tap'
import { partitionSpecOf } from '../spec/partition.ts'
import { schemaOfColumns } from '../spec/schema-evolution.ts'
import type { Requirement, TableChange, TableMetadata, Update } from '../spec/types.ts'
import type { CreateTableRequest } from './catalog.ts'
import { openMemoryCatalog } from './memory.ts'
import { assertsAbsence, guardChange, guardCreation, isNessie } from './nessie.ts'

const marker = 'firn.nessie-first-snapshot'
const schema = schemaOfColumns([{ name: 'device', type: { type: 'struct', fields: [{ name: 'os', type: 'string' }] } }, { name: 'id', type: 'string' }, { name: 'ts', type: 'timestamptz' }])
const absent: Requirement = { 'type': 'assert-ref-snapshot-id', 'ref': 'main', 'snapshot-id': null }
const snapshot = (id: bigint, schemaId?: number): Update => ({
  'action': 'add-snapshot',
  'snapshot': { 'snapshot-id': id, 'sequence-number': 1n, 'timestamp-ms': 1, 'manifest-list': 'file:///l', 'summary': { 'operation': 'append' }, ...schemaId === undefined ? {} : { 'schema-id': schemaId } }
})
const first: TableChange = { requirements: [absent], updates: [snapshot(1n, 0), { 'action': 'set-snapshot-ref', 'ref-name': 'main', 'type': 'branch', 'snapshot-id': 1n }] }

/** A table as Nessie would hold it after this request. */
async function created(request: CreateTableRequest): Promise<TableMetadata> {
  return (await openMemoryCatalog({ warehouse: 'file:///none' }).createTable({ namespace: ['db'], name: 't' }, request)).metadata
}

function changed(change: TableChange | { readonly lost: string }): TableChange {
  if ('lost' in change) throw new Error(change.lost)
  return change
}

t.test('a Nessie names itself in its configuration; every other catalog is left as it is', async t => {
  t.equal(isNessie({ 'nessie.is-nessie-catalog': 'true' }), true)
  t.equal(isNessie({ 'nessie.is-nessie-catalog': 'false', 'prefix': 'nessie' }), false)
  t.equal(isNessie({}), false)
})

t.test('a new table begins with a sort order, so that its first snapshot can be told from a second', async t => {
  const guarded = guardCreation({ schema, 'partition-spec': partitionSpecOf(schema, [{ transform: 'hour', column: 'ts' }]), 'properties': { owner: 'me' } })
  t.same(guarded['write-order'], { 'order-id': 1, 'fields': [{ 'transform': 'identity', 'source-id': 2, 'direction': 'asc', 'null-order': 'nulls-first' }] }, 'by the first column that can be sorted by')
  t.same(guarded.properties, { owner: 'me', [marker]: 'pending' })
  t.equal(guarded['partition-spec']?.fields.length, 1)
  const sorted: CreateTableRequest = { schema, 'write-order': { 'order-id': 1, 'fields': [{ 'transform': 'identity', 'source-id': 3, 'direction': 'desc', 'null-order': 'nulls-last' }] } }
  t.equal(guardCreation(sorted), sorted, 'an order that was asked for is never taken off again')
  const nested: CreateTableRequest = { schema: schemaOfColumns([{ name: 'device', type: { type: 'struct', fields: [{ name: 'os', type: 'string' }] } }]) }
  t.equal(guardCreation(nested), nested, 'nothing in it can be sorted by')
})

t.test('the first snapshot asserts that order and takes it off: of two, the second loses', async t => {
  const empty = await created(guardCreation({ schema }))
  const { requirements, updates } = changed(guardChange(first, empty))
  t.same(requirements, [absent, { 'type': 'assert-current-schema-id', 'current-schema-id': 0 }, { 'type': 'assert-default-sort-order-id', 'default-sort-order-id': empty['default-sort-order-id'] }])
  t.not(empty['default-sort-order-id'], 0, 'else it would assert what is still true afterwards')
  t.same(updates.slice(2), [{ 'action': 'add-sort-order', 'sort-order': { 'order-id': 0, 'fields': [] } }, { 'action': 'set-default-sort-order', 'sort-order-id': -1 }, { 'action': 'remove-properties', 'removals': [marker] }])

  // Played on a catalog that, like Nessie, checks all but the absence.
  const catalog = openMemoryCatalog({ warehouse: 'file:///none' })
  const id = { namespace: ['db'], name: 't' }
  const table = await catalog.createTable(id, guardCreation({ schema }))
  const careless = (change: TableChange): TableChange => ({ ...change, requirements: change.requirements.filter(each => each !== absent) })
  const [one, other] = [guardChange(first, table.metadata), guardChange({ ...first, updates: [snapshot(2n, 0), ...first.updates.slice(1)] }, table.metadata)].map(each => careless(changed(each)))
  if (one === undefined || other === undefined) throw new Error('two changes')
  t.equal((await catalog.commitTable(id, one)).kind, 'landed')
  t.match(await catalog.commitTable(id, other), { kind: 'conflict' })
  const { metadata } = await catalog.loadTable(id)
  t.equal(metadata['default-sort-order-id'], 0)
  t.same(metadata.properties, {})
  t.equal(metadata['current-snapshot-id'], 1n)
})

t.test('a first snapshot that comes when there is one has lost before anything is sent', async t => {
  const empty = await created({ schema })
  const full: TableMetadata = { ...empty, 'current-snapshot-id': 7n, 'refs': { main: { 'type': 'branch', 'snapshot-id': 7n } } }
  t.match(guardChange(first, full), { lost: /branch or tag main was created concurrently/ })
  t.match(guardChange(first, { ...full, refs: {} }), { lost: /main/ }, 'a table may name its current snapshot without a ref')
  const tag: TableChange = { requirements: [{ ...absent, ref: 'audit' } as Requirement], updates: [] }
  t.match(guardChange(tag, { ...full, refs: { ...full.refs, audit: { 'type': 'tag', 'snapshot-id': 7n } } }), { lost: /audit/ })
  t.notOk('lost' in guardChange(tag, full))
})

t.test('a table that somebody else made has no order to give up, and is only looked at', async t => {
  const { requirements, updates } = changed(guardChange(first, await created({ schema })))
  t.same(requirements.map(each => each.type), ['assert-ref-snapshot-id', 'assert-current-schema-id'])
  t.same(updates, first.updates)
})

t.test('a snapshot asserts the schema that it was written with: Nessie makes that one the current one', async t => {
  const append: TableChange = { requirements: [{ 'type': 'assert-ref-snapshot-id', 'ref': 'main', 'snapshot-id': 1n }], updates: [snapshot(2n, 3)] }
  t.same(changed(guardChange(append, null)).requirements.at(-1), { 'type': 'assert-current-schema-id', 'current-schema-id': 3 })
  t.same(changed(guardChange({ ...append, updates: [snapshot(2n)] }, null)).requirements, append.requirements, 'a snapshot without a schema changes none')
  const evolution: TableChange = { requirements: [], updates: [{ 'action': 'add-schema', 'schema': schema }, { 'action': 'set-current-schema', 'schema-id': -1 }, snapshot(2n, 3)] }
  t.same(changed(guardChange(evolution, null)).requirements, [], 'who changes the schema in the same request says so')
  t.same(append.updates.length, 1, 'the change itself stays as it was: its bytes are remembered by it')
})

t.test('only a change that asserts an absence needs to see the table', async t => {
  t.equal(assertsAbsence(first), true)
  t.equal(assertsAbsence({ requirements: [{ 'type': 'assert-ref-snapshot-id', 'ref': 'main', 'snapshot-id': 5n }], updates: [] }), false)
  t.equal(assertsAbsence({ requirements: [], updates: [] }), false)
})
