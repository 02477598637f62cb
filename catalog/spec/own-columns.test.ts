// A writer's columns after other engines changed the schema: one row a change.

import t from 'tap'
import { matchColumns, ownColumnsProperty, printOwnIds, type ColumnMatch } from './own-columns.ts'
import type { NestedField, Schema, TableMetadata } from './types.ts'
import type { WantedColumn } from './schema-evolution.ts'

const wanted: WantedColumn[] = [
  { name: 'id', type: 'string', required: true },
  { name: 'title', type: 'string' },
  { name: 'quantity', type: 'long' },
  { name: 'amount', type: 'decimal(18, 2)' },
  { name: 'place', type: { type: 'struct', fields: [{ name: 'city', type: 'string' }, { name: 'region', type: 'string' }] } }
]
const fields: NestedField[] = [
  { id: 1, name: 'id', required: true, type: 'string' },
  { id: 2, name: 'title', required: false, type: 'string' },
  { id: 3, name: 'quantity', required: false, type: 'long' },
  { id: 4, name: 'amount', required: false, type: 'decimal(18, 2)' },
  { id: 5, name: 'place', required: false, type: { type: 'struct', fields: [{ id: 6, name: 'city', required: false, type: 'string' }, { id: 7, name: 'region', required: false, type: 'string' }] } }
]
const recorded = printOwnIds(new Map([['id', 1], ['title', 2], ['quantity', 3], ['amount', 4], ['place', 5], ['place.city', 6], ['place.region', 7]]))
const first: Schema = { 'type': 'struct', 'schema-id': 0, fields }

function tableWith(now: NestedField[], properties: Record<string, string> = { [ownColumnsProperty]: recorded }): TableMetadata {
  return { 'last-column-id': 20, 'current-schema-id': 1, 'schemas': [first, { 'type': 'struct', 'schema-id': 1, 'fields': now }], properties, 'snapshots': [] } as unknown as TableMetadata
}

const edit = (id: number, change: Partial<NestedField>): NestedField[] => fields.map(field => field.id === id ? { ...field, ...change } : field)
const without = (id: number): NestedField[] => fields.filter(field => field.id !== id)
const member = (members: NestedField[]): NestedField[] => edit(5, { type: { type: 'struct', fields: members } })
const [city, region] = (fields[4]!.type as { fields: NestedField[] }).fields as [NestedField, NestedField]

function changesOf(match: ColumnMatch): readonly string[] | string {
  return match.kind === 'halt' ? `${match.reason} → ${match.advice}` : match.change?.changes ?? []
}

t.test('what is followed, what is added again, and what halts', async t => {
  const rows: [string, NestedField[], readonly string[] | RegExp, Record<string, number>?][] = [
    ['nothing happened', fields, []],
    ['renamed: the field is still ours', edit(2, { name: 'headline' }), [], { title: 2 }],
    ['renamed in case alone', edit(2, { name: 'Title' }), [], { title: 2 }],
    ['a member renamed', member([{ ...city, name: 'town' }, region]), [], { 'place.city': 6 }],
    ['a group renamed', edit(5, { name: 'whereabouts' }), [], { place: 5, 'place.city': 6 }],
    ['renamed, and another engine uses the old name', [...edit(2, { name: 'headline' }), { id: 21, name: 'title', required: false, type: 'int' }], [], { title: 2 }],
    ['two names swapped: a column is its id', edit(2, { name: 'id' }).map(field => field.id === 1 ? { ...field, name: 'title' } : field), [], { title: 2, id: 1 }],
    ['moved', [...fields].reverse(), [], { id: 1 }],
    ['dropped: added again under a new id', without(2), ['add title again'], { title: 21 }],
    ['a member dropped', member([region]), ['add place.city again'], { 'place.city': 21 }],
    ['a group dropped', without(5), ['add place again'], { 'place': 21, 'place.city': 22, 'place.region': 23 }],
    ['dropped, though rows are told apart by it: comes back as itself', without(1), ['restore id'], { id: 1 }],
    ['dropped, and made anew with a type that fits', [...without(2), { id: 21, name: 'title', required: false, type: 'string' }], [], { title: 21 }],
    ['dropped, and made anew with another type', [...without(3), { id: 21, name: 'quantity', required: false, type: 'string' }], /quantity \(field 3\) was dropped.*field 21, type string.*→ rename column quantity/],
    ['dropped and made anew, though rows are told apart by it', [...without(1), { id: 21, name: 'id', required: false, type: 'string' }], /→ rename column id/],
    ['dropped, while another of ours has its name now', [...without(1).filter(({ id }) => id !== 2), { id: 1, name: 'title', required: true, type: 'string' }], /another column of ours has that name now.*→ rename column title/],
    ['dropped, while another differs only in case', [...without(2), { id: 21, name: 'TITLE', required: false, type: 'string' }], /only in case.*→ rename column TITLE/],
    ['another beside it differs only in case', [...fields, { id: 21, name: 'TITLE', required: false, type: 'string' }], [], { title: 2 }],
    ['widened by another engine', edit(4, { type: 'decimal(20, 2)' }), []],
    ['narrower than wanted: widened', edit(3, { type: 'int' }), ['widen quantity to long']],
    ['another type under our id', edit(3, { type: 'string' }), /column quantity .*type string cannot become long.*→ drop column quantity/],
    ['made required by another engine: relaxed', edit(2, { required: true }), ['relax title']],
    ['relaxed by another engine', edit(1, { required: false }), []],
    ['a column of others', [...fields, { id: 21, name: 'note', required: false, type: 'string' }], []],
    ['a required column of others', [...fields, { id: 21, name: 'note', required: true, type: 'string' }], /note required.*→ make column note optional/],
    ['a required column of others that has a default', [...fields, { 'id': 21, 'name': 'note', 'required': true, 'type': 'string', 'write-default': '-' }], []],
    ['a required member of others', member([city, region, { id: 21, name: 'zip', required: true, type: 'string' }]), /→ make column place\.zip optional/]
  ]
  for (const [what, now, expected, ids = {}] of rows) {
    const match = matchColumns(tableWith(now), wanted)
    const changes = changesOf(match)
    if (expected instanceof RegExp) t.match(changes, expected, what)
    else {
      t.strictSame(changes, expected, what)
      if (match.kind === 'fits') for (const [path, id] of Object.entries(ids)) t.equal(match.ids.get(path), id, `${what}: ${path}`)
    }
  }
})

t.test('ids are recorded when columns are made, and once for a table of a time before that', async t => {
  const match = matchColumns(tableWith(fields, {}), wanted)
  if (match.kind !== 'fits') return t.fail('it fits')
  t.strictSame(match.change?.changes, [])
  t.equal(printOwnIds(match.change!.ids), recorded)
  const renamed = matchColumns(tableWith(edit(2, { name: 'headline' }), {}), wanted)
  t.equal(renamed.kind === 'fits' && renamed.ids.get('title'), 2, 'a rename before that is read from the schemas that the table has')
  const damaged = matchColumns(tableWith(fields, { [ownColumnsProperty]: '{' }), wanted)
  t.equal(damaged.kind === 'fits' && damaged.ids.get('title'), 2, 'what cannot be read is recorded anew')
})

t.test('an older writer forgets no column of a later one', async t => {
  const match = matchColumns(tableWith(fields, { [ownColumnsProperty]: printOwnIds(new Map([['coupon', 9]])) }), wanted)
  t.equal(match.kind === 'fits' && match.change?.ids.get('coupon'), 9)
})
