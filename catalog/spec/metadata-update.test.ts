/** What each update makes of a table: the rules of Iceberg's own library, and the two that are ours. */
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { applyUpdates } from './metadata-update.ts'
import { parseMetadata, printJson } from './json.ts'
import { ChangeRefused } from './refused.ts'
import { checkRequirements, isCreate } from './requirements.ts'
import type { NestedField, Requirement, Schema, Snapshot, TableMetadata, Update } from './types.ts'

const uuid = '9c12d441-03fe-4693-9a96-a0705ddf69c1'
const idField: NestedField = { 'id': 1, 'name': 'id', 'required': true, 'type': 'long' }
const schema: Schema = { 'type': 'struct', 'schema-id': 0, 'fields': [idField, { 'id': 2, 'name': 'at', 'required': false, 'type': 'timestamptz' }] }
const wider: Schema = { ...schema, fields: [...schema.fields, { 'id': 3, 'name': 'note', 'required': false, 'type': 'string' }] }
const byDay = { 'spec-id': 0, 'fields': [{ 'source-id': 2, 'field-id': 1000, 'name': 'day', 'transform': 'day' }] }

function create(extra: Update[] = []): TableMetadata {
  return applyUpdates(null, [
    { 'action': 'assign-uuid', uuid }, { 'action': 'add-schema', schema }, { 'action': 'set-current-schema', 'schema-id': -1 }, { 'action': 'add-spec', 'spec': byDay },
    { 'action': 'set-default-spec', 'spec-id': -1 }, { 'action': 'add-sort-order', 'sort-order': { 'order-id': 0, 'fields': [] } }, { 'action': 'set-default-sort-order', 'sort-order-id': -1 },
    { 'action': 'set-location', 'location': 'file:///wh/t/' }, ...extra
  ], { nowMs: 1_000_000 })
}

let clock = 1_000_000
const change = (base: TableMetadata, ...updates: Update[]) => applyUpdates(base, updates, { nowMs: clock += 1000, baseLocation: `file:///wh/t/metadata/${clock}.json` })
const snapshot = (base: TableMetadata, id: bigint, more: Partial<Snapshot> = {}): Snapshot => ({
  'snapshot-id': id, ...(base['current-snapshot-id'] === -1n ? {} : { 'parent-snapshot-id': base['current-snapshot-id'] }), 'sequence-number': base['last-sequence-number'] + 1n,
  'timestamp-ms': base['last-updated-ms'] + 1, 'manifest-list': `snap-${id}`, 'summary': { operation: 'append' }, ...more
})
const setRef = (id: bigint, name = 'main', type: 'branch' | 'tag' = 'branch'): Update => ({ 'action': 'set-snapshot-ref', 'ref-name': name, type, 'snapshot-id': id })
const append = (base: TableMetadata, id: bigint) => change(base, { 'action': 'add-snapshot', 'snapshot': snapshot(base, id) }, setRef(id))
const refuses = (test: Test, kind: 'conflict' | 'invalid', message: RegExp, work: () => unknown) => test.throws(work, { name: 'ChangeRefused', kind, message })

t.test('a new table has the ids that the specification wants', async t => {
  const table = create()
  t.match(table, { 'format-version': 2, 'location': 'file:///wh/t', 'last-column-id': 2, 'last-partition-id': 1000, 'current-snapshot-id': -1n, 'default-sort-order-id': 0 })
  const bare = applyUpdates(create(), [{ 'action': 'add-spec', 'spec': { 'spec-id': 9, 'fields': [] } }, { 'action': 'set-default-spec', 'spec-id': -1 }], { nowMs: 1 })
  t.equal(bare['last-partition-id'], 1000)
  t.equal(bare['default-spec-id'], 1)
  refuses(t, 'invalid', /Invalid table uuid/, () => applyUpdates(null, [], { nowMs: 1 }))
})

t.test('nothing changed gives the base itself, and the base is never touched', async t => {
  const base = append(create(), 1n)
  const before = printJson(base)
  t.equal(change(base, { 'action': 'set-location', 'location': base.location }, { 'action': 'set-current-schema', 'schema-id': 0 }, { 'action': 'remove-statistics', 'snapshot-id': 4n }, setRef(1n)), base)
  change(base, { 'action': 'set-properties', 'updates': { a: 'b' } }, setRef(1n, 'tag', 'tag'), { 'action': 'add-schema', 'schema': wider })
  t.equal(printJson(base), before)
})

t.test('an equal schema, spec or order is reused; -1 is the one added last in this change', async t => {
  const base = create()
  const evolved = change(base, { 'action': 'add-schema', 'schema': wider }, { 'action': 'set-current-schema', 'schema-id': -1 })
  t.match(evolved, { 'current-schema-id': 1, 'last-column-id': 3 })
  const back = change(evolved, { 'action': 'add-schema', 'schema': { ...schema, 'schema-id': 77 } }, { 'action': 'set-current-schema', 'schema-id': 0 })
  t.match(back, { 'current-schema-id': 0, 'last-column-id': 3 })
  t.equal(back.schemas.length, 2)
  refuses(t, 'invalid', /no schema has been added/, () => change(evolved, { 'action': 'add-schema', schema }, { 'action': 'set-current-schema', 'schema-id': -1 }))
  const bucketed = { 'spec-id': 0, 'fields': [{ 'source-id': 1, 'name': 'b', 'transform': 'bucket[4]' } as never, byDay.fields[0] as never] }
  const respecced = change(base, { 'action': 'add-spec', 'spec': bucketed }, { 'action': 'set-default-spec', 'spec-id': -1 })
  t.same(respecced['partition-specs'][1]?.fields.map(field => field['field-id']), [1001, 1000], 'a field without an id gets a new one')
  t.equal(change(respecced, { 'action': 'add-spec', 'spec': byDay }), respecced)
  const sorted = change(base, { 'action': 'add-sort-order', 'sort-order': { 'order-id': 0, 'fields': [{ 'transform': 'identity', 'source-id': 2, 'direction': 'asc', 'null-order': 'nulls-first' }] } }, { 'action': 'set-default-sort-order', 'sort-order-id': -1 })
  t.equal(sorted['default-sort-order-id'], 1)
})

t.test('schemas, specs and orders that readers would refuse are refused', async t => {
  const base = create()
  const add = (fields: Schema['fields']) => change(base, { 'action': 'add-schema', 'schema': { 'type': 'struct', fields } })
  refuses(t, 'invalid', /multiple fields with id 1/, () => add([{ ...idField, name: 'x' }, idField]))
  refuses(t, 'invalid', /multiple fields for name id/, () => add([{ ...idField, id: 9 }, idField]))
  refuses(t, 'invalid', /variant is not supported until v3/, () => add([{ 'id': 3, 'name': 'v', 'required': false, 'type': 'variant' as never }]))
  refuses(t, 'invalid', /Cannot parse type string/, () => add([{ 'id': 3, 'name': 'v', 'required': false, 'type': 'money' as never }]))
  refuses(t, 'invalid', /Cannot find source column/, () => change(base, { 'action': 'add-spec', 'spec': { 'spec-id': 1, 'fields': [{ 'source-id': 9, 'field-id': 1001, 'name': 'x', 'transform': 'day' }] } }))
  refuses(t, 'invalid', /Invalid source type long for transform: day/, () => change(base, { 'action': 'add-spec', 'spec': { 'spec-id': 1, 'fields': [{ 'source-id': 1, 'field-id': 1001, 'name': 'x', 'transform': 'day' }] } }))
  refuses(t, 'invalid', /name that exists in schema: id/, () => change(base, { 'action': 'add-spec', 'spec': { 'spec-id': 1, 'fields': [{ 'source-id': 2, 'field-id': 1001, 'name': 'id', 'transform': 'day' }] } }))
  const narrow: Schema = { 'type': 'struct', 'fields': [idField] }
  refuses(t, 'invalid', /Cannot find source column/, () => change(base, { 'action': 'add-schema', 'schema': narrow }, { 'action': 'set-current-schema', 'schema-id': -1 }))
  refuses(t, 'invalid', /Cannot remove the current schema/, () => change(base, { 'action': 'remove-schemas', 'schema-ids': [0] }))
  refuses(t, 'invalid', /Cannot remove the default partition spec/, () => change(base, { 'action': 'remove-partition-specs', 'spec-ids': [0] }))
  refuses(t, 'invalid', /Cannot downgrade v2/, () => change(base, { 'action': 'upgrade-format-version', 'format-version': 1 }))
  refuses(t, 'invalid', /Cannot reassign uuid/, () => change(base, { 'action': 'assign-uuid', 'uuid': uuid.replace('9', '8') }))
})

t.test('a snapshot that was staged on an older base is a conflict; the same snapshot twice is wrong', async t => {
  const base = append(append(create(), 1n), 2n)
  const stale = snapshot(base, 3n, { 'sequence-number': base['last-sequence-number'] })
  refuses(t, 'conflict', /sequence number 2 older than last sequence number 2/, () => change(base, { 'action': 'add-snapshot', 'snapshot': stale }))
  refuses(t, 'invalid', /Snapshot already exists for id: 2/, () => change(base, { 'action': 'add-snapshot', 'snapshot': snapshot(base, 2n) }))
  refuses(t, 'invalid', /unknown schema: 8/, () => change(base, { 'action': 'add-snapshot', 'snapshot': snapshot(base, 3n, { 'schema-id': 8 }) }))
  refuses(t, 'invalid', /before last snapshot timestamp/, () => change(base, { 'action': 'add-snapshot', 'snapshot': snapshot(base, 3n, { 'timestamp-ms': base['last-updated-ms'] - 120_000 }) }))
})

t.test('replacing a table starts a new line of snapshots and keeps the history', async t => {
  const base = append(append(create(), 1n), 2n)
  const first = snapshot(base, 3n)
  delete first['parent-snapshot-id']
  const replaced = change(base, { 'action': 'remove-snapshot-ref', 'ref-name': 'main' }, { 'action': 'add-snapshot', 'snapshot': first }, setRef(3n))
  t.equal(replaced['current-snapshot-id'], 3n)
  t.same(replaced['snapshot-log'].map(entry => entry['snapshot-id']), [1n, 2n, 3n])
})

t.test('the snapshot log has no holes and nothing that was current only inside a change', async t => {
  let base = create()
  for (const id of [1n, 2n, 3n]) base = append(base, id)
  const two = change(base, { 'action': 'add-snapshot', 'snapshot': snapshot(base, 4n) }, setRef(4n), { 'action': 'add-snapshot', 'snapshot': snapshot(base, 5n, { 'sequence-number': 5n, 'parent-snapshot-id': 4n }) }, setRef(5n))
  t.same(two['snapshot-log'].map(entry => entry['snapshot-id']), [1n, 2n, 3n, 5n])
  const holed = change(two, { 'action': 'remove-snapshots', 'snapshot-ids': [2n] })
  t.same(holed['snapshot-log'].map(entry => entry['snapshot-id']), [3n, 5n])
  const rolledBack = change(two, setRef(3n))
  t.same(rolledBack['snapshot-log'].at(-1), { 'timestamp-ms': rolledBack['last-updated-ms'], 'snapshot-id': 3n })
})

t.test('removing snapshots takes their statistics along, and a reference only when the change names it', async t => {
  let base = append(append(create(), 1n), 2n)
  const file = (id: bigint) => ({ 'snapshot-id': id, 'statistics-path': `stats-${id}` })
  base = change(base, { 'action': 'set-statistics', 'statistics': file(1n) }, { 'action': 'set-statistics', 'statistics': file(2n) }, { 'action': 'set-partition-statistics', 'partition-statistics': file(1n) })
  const removed = change(base, { 'action': 'remove-snapshots', 'snapshot-ids': [1n, 99n] })
  t.same([removed.statistics, removed['partition-statistics']], [[file(2n)], []])
  const tagged = change(base, setRef(1n, 'audit', 'tag'))
  refuses(t, 'conflict', /tag audit refers to it/, () => change(tagged, { 'action': 'remove-snapshots', 'snapshot-ids': [1n] }))
  const both = change(tagged, { 'action': 'remove-snapshot-ref', 'ref-name': 'audit' }, { 'action': 'remove-snapshots', 'snapshot-ids': [1n] })
  t.same(Object.keys(both.refs), ['main'])
})

t.test('references keep their rules', async t => {
  const base = append(create(), 1n)
  refuses(t, 'invalid', /Cannot set main to a tag/, () => change(base, setRef(1n, 'main', 'tag')))
  refuses(t, 'invalid', /unknown snapshot: 7/, () => change(base, setRef(7n, 'b')))
  refuses(t, 'invalid', /Tags do not support/, () => change(base, { ...setRef(1n, 'x', 'tag'), 'min-snapshots-to-keep': 2 } as Update))
  t.same(change(base, { ...setRef(1n, 'x'), 'max-ref-age-ms': 5 } as Update).refs['x'], { 'snapshot-id': 1n, 'type': 'branch', 'max-ref-age-ms': 5 })
})

t.test('the metadata log is bounded, times never run backwards, reserved properties are not stored', async t => {
  let base = create([{ 'action': 'set-properties', 'updates': { 'write.metadata.previous-versions-max': '3', 'format-version': '2', 'uuid': 'x' } }])
  t.same(base.properties, { 'write.metadata.previous-versions-max': '3' })
  for (let index = 0; index < 6; index++) base = change(base, { 'action': 'set-properties', 'updates': { n: String(index) } })
  t.equal(base['metadata-log'].length, 3)
  const slow = applyUpdates(base, [{ 'action': 'remove-properties', 'removals': ['n'] }], { nowMs: 5, baseLocation: 'x' })
  t.equal(slow['last-updated-ms'], base['last-updated-ms'])
})

t.test('v3 tables count rows; members that we do not know stay', async t => {
  const base = { ...create([{ 'action': 'upgrade-format-version', 'format-version': 3 }]), 'from-the-future': { a: 1 } } as TableMetadata
  const next = change(base, { 'action': 'add-snapshot', 'snapshot': { ...snapshot(base, 1n), 'first-row-id': 0n, 'added-rows': 10n } as Snapshot }, setRef(1n))
  t.match(next, { 'next-row-id': 10n, 'from-the-future': { a: 1 } })
  refuses(t, 'conflict', /first-row-id is behind/, () => change(next, { 'action': 'add-snapshot', 'snapshot': { ...snapshot(next, 2n), 'first-row-id': 0n, 'added-rows': 10n } as Snapshot }))
  refuses(t, 'invalid', /first-row-id is null/, () => change(next, { 'action': 'add-snapshot', 'snapshot': snapshot(next, 2n) }))
})

t.test('requirements compare what the sender saw with what is there', async t => {
  const base = append(create(), 1n)
  const holds: Requirement[] = [{ 'type': 'assert-table-uuid', 'uuid': uuid.toUpperCase() }, { 'type': 'assert-ref-snapshot-id', 'ref': 'main', 'snapshot-id': 1n }, { 'type': 'assert-ref-snapshot-id', 'ref': 'other', 'snapshot-id': null },
    { 'type': 'assert-last-assigned-field-id', 'last-assigned-field-id': 2 }, { 'type': 'assert-current-schema-id', 'current-schema-id': 0 }, { 'type': 'assert-last-assigned-partition-id', 'last-assigned-partition-id': 1000 },
    { 'type': 'assert-default-spec-id', 'default-spec-id': 0 }, { 'type': 'assert-default-sort-order-id', 'default-sort-order-id': 0 }]
  t.doesNotThrow(() => { checkRequirements(base, holds) })
  for (const requirement of holds) refuses(t, 'conflict', /table does not exist/, () => { checkRequirements(null, [requirement]) })
  for (const [requirement, message] of [
    [{ 'type': 'assert-create' }, /table already exists/], [{ 'type': 'assert-table-uuid', 'uuid': 'x' }, /UUID does not match/],
    [{ 'type': 'assert-ref-snapshot-id', 'ref': 'main', 'snapshot-id': 2n }, /branch main has changed: expected id 2 != 1/], [{ 'type': 'assert-ref-snapshot-id', 'ref': 'main', 'snapshot-id': null }, /branch main was created concurrently/],
    [{ 'type': 'assert-ref-snapshot-id', 'ref': 'x', 'snapshot-id': 2n }, /branch or tag x is missing/], [{ 'type': 'assert-last-assigned-field-id', 'last-assigned-field-id': 1 }, /last assigned field id changed/],
    [{ 'type': 'assert-default-sort-order-id', 'default-sort-order-id': 3 }, /default sort order changed: expected id 3 != 0/]
  ] as [Requirement, RegExp][]) refuses(t, 'conflict', message, () => { checkRequirements(base, [requirement]) })
  t.equal(isCreate(holds), false)
  refuses(t, 'invalid', /Invalid create requirements/, () => isCreate([...holds, { 'type': 'assert-create' }]))
})

t.test('law: whatever is applied in whatever order, the result is what readers accept, or the change is refused', async () => {
  const step = fc.oneof(
    fc.bigInt(1n, 12n).map(id => (base: TableMetadata): Update[] => [{ 'action': 'add-snapshot', 'snapshot': snapshot(base, id) }, setRef(id)]),
    fc.bigInt(1n, 12n).map(id => (): Update[] => [setRef(id)]),
    fc.tuple(fc.bigInt(1n, 12n), fc.constantFrom('a', 'b')).map(([id, name]) => (): Update[] => [setRef(id, name, 'tag')]),
    fc.array(fc.bigInt(1n, 12n), { maxLength: 3 }).map(ids => (): Update[] => [{ 'action': 'remove-snapshots', 'snapshot-ids': ids }]),
    fc.constantFrom('main', 'a', 'b').map(name => (): Update[] => [{ 'action': 'remove-snapshot-ref', 'ref-name': name }]),
    fc.constantFrom(schema, wider).map(given => (): Update[] => [{ 'action': 'add-schema', 'schema': given }, { 'action': 'set-current-schema', 'schema-id': -1 }])
  )
  fc.assert(fc.property(fc.array(step, { maxLength: 25 }), steps => {
    let base = create()
    for (const make of steps) {
      try {
        base = change(base, ...make(base))
      } catch (error) {
        if (!(error instanceof ChangeRefused)) throw error
      }
      checkInvariants(base)
    }
    const again = parseMetadata(printJson(base))
    return printJson(again) === printJson(base)
  }), { numRuns: 150 })
})

/** What Iceberg's own library checks when it loads metadata. */
function checkInvariants(table: TableMetadata): void {
  const ids = table.snapshots.map(snapshot => snapshot['snapshot-id'])
  const demand = (holds: boolean, what: string) => { if (!holds) throw new Error(`${what}: ${printJson(table)}`) }
  demand(new Set(ids).size === ids.length, 'snapshot ids are unique')
  demand(table.snapshots.every(snapshot => snapshot['sequence-number'] <= table['last-sequence-number']), 'sequence numbers are bounded')
  demand((table.refs['main']?.['snapshot-id'] ?? -1n) === table['current-snapshot-id'], 'main is current')
  demand(Object.values(table.refs).every(ref => ids.includes(ref['snapshot-id'])), 'references lead somewhere')
  demand(table['snapshot-log'].every((entry, index, log) => index === 0 || entry['timestamp-ms'] >= (log[index - 1]?.['timestamp-ms'] ?? 0) - 60_000), 'the log is in order')
  demand(table['current-snapshot-id'] === -1n || table['snapshot-log'].at(-1)?.['snapshot-id'] === table['current-snapshot-id'], 'the log ends at the current snapshot')
  demand(new Set(table.schemas.map(one => one['schema-id'])).size === table.schemas.length, 'schema ids are unique')
}
