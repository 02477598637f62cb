/** What each update makes of a view. */
import t from 'tap'
import type { Schema } from './types.ts'
import { applyViewUpdates } from './view-update.ts'
import type { ViewMetadata, ViewUpdate, ViewVersion } from './view-types.ts'

const schema: Schema = { 'type': 'struct', 'schema-id': 0, 'fields': [{ 'id': 1, 'name': 'id', 'required': false, 'type': 'long' }] }
const version = (sql: string, dialects = ['spark']): ViewVersion => ({
  'version-id': 1, 'schema-id': 0, 'timestamp-ms': 5, 'summary': {}, 'representations': dialects.map(dialect => ({ type: 'sql', sql, dialect })), 'default-namespace': ['ns']
})
const context = { nowMs: 1000, uuid: 'u' }
const create = (properties: Record<string, string> = {}) => applyViewUpdates(null, [
  { 'action': 'set-location', 'location': 'file:///v' }, { 'action': 'set-properties', 'updates': properties }, { 'action': 'add-schema', schema },
  { 'action': 'add-view-version', 'view-version': { ...version('select 0'), 'schema-id': -1 } }, { 'action': 'set-current-view-version', 'view-version-id': -1 }
], context)
const replace = (base: ViewMetadata, sql: string, dialects?: string[]) => applyViewUpdates(base, [
  { 'action': 'add-view-version', 'view-version': version(sql, dialects) }, { 'action': 'set-current-view-version', 'view-version-id': -1 }
], context)

t.test('a version is added, made current and entered into the history', async t => {
  const view = create()
  t.match(view, { 'view-uuid': 'u', 'format-version': 1, 'current-version-id': 1, 'version-log': [{ 'version-id': 1, 'timestamp-ms': 5 }] })
  t.match(replace(view, 'select 1'), { 'current-version-id': 2, 'versions': [{}, { 'version-id': 2 }] })
})

t.test('an equal version is reused, and going back to an old one counts from now', async t => {
  const two = replace(create(), 'select 1')
  const back = applyViewUpdates(two, [{ 'action': 'add-view-version', 'view-version': version('select 0') }, { 'action': 'set-current-view-version', 'view-version-id': 1 }], context)
  t.equal(back.versions.length, 2)
  t.same(back['version-log'].at(-1), { 'timestamp-ms': 1000, 'version-id': 1 })
  t.equal(applyViewUpdates(two, [{ 'action': 'set-location', 'location': 'file:///v' }], context), two)
})

t.test('old versions go, with the history before them, but never the current one', async t => {
  let view = create({ 'version.history.num-entries': '3' })
  for (let index = 1; index < 6; index++) view = replace(view, `select ${index}`)
  t.same(view.versions.map(one => one['version-id']).sort(), [4, 5, 6])
  t.same(view['version-log'].map(one => one['version-id']), [4, 5, 6])
  t.throws(() => replace(create({ 'version.history.num-entries': '0' }), 'x'), { message: /must be positive but was 0/ })
})

t.test('dialects are not lost in silence, and not given twice', async t => {
  const view = replace(create(), 'select 1', ['spark', 'trino'])
  t.throws(() => replace(view, 'select 2', ['trino']), { message: /loss of view dialects/ })
  const allowed: ViewUpdate = { 'action': 'set-properties', 'updates': { 'replace.drop-dialect.allowed': 'true' } }
  t.doesNotThrow(() => replace(applyViewUpdates(view, [allowed], context), 'select 2', ['trino']))
  t.throws(() => replace(view, 'select 2', ['spark', 'Spark', 'trino']), { message: /multiple queries for dialect spark/ })
  t.throws(() => applyViewUpdates(view, [{ 'action': 'assign-uuid', 'uuid': 'other' }], context), { message: /Cannot reassign uuid/ })
})
