/** Which locations are moved and which are not, and that files of other writers come out as they went in. */
import t from 'tap'
import { decodeContainer, encodeContainer, compileFileSchema } from '../files/avro-container.ts'
import type { AvroRecord, AvroSchema } from '../files/avro.ts'
import { moveLocation, moveTexts, placeOf } from './moved-locations.ts'
import { rewriteAvro, type AvroRow } from './rewrite-avro.ts'

t.test('what began with the old folder begins with the new one, everything else stays', async t => {
  const rows: [from: string, to: string, location: string, expected: string, place: string][] = [
    ['/old', '/new', 'file:///old/w/a', 'file:///new/w/a', 'old'],
    ['/old', '/new', 'file:/old/w/a', 'file:/new/w/a', 'old'],
    ['/old', '/new', '/old/w/a', '/new/w/a', 'old'],
    ['/old', '/new', 'file:///old', 'file:///new', 'old'],
    ['/old', '/new', 'file:///old-2/w/a', 'file:///old-2/w/a', 'outside'],
    ['/old', '/new', 'file:///new/w/a', 'file:///new/w/a', 'new'],
    ['/old', '/new', 's3://old/w/a', 's3://old/w/a', 'outside'],
    ['/old', '/new', 'file:///old/w/%2F a=ä', 'file:///new/w/%2F a=ä', 'old'],
    ['/a', '/a/b', 'file:///a/w', 'file:///a/b/w', 'old'],
    ['/a', '/a/b', 'file:///a/b/w', 'file:///a/b/w', 'new'],
    ['/a/b', '/a', 'file:///a/b/w', 'file:///a/w', 'old'],
    ['/a/b', '/a', 'file:///a/w', 'file:///a/w', 'new']
  ]
  for (const [from, to, location, expected, place] of rows) {
    const move = { from: [from], to }
    t.equal(moveLocation(location, move), expected, `${location} from ${from} to ${to}`)
    t.equal(placeOf(location, move), place, `${location} from ${from} to ${to}`)
    t.equal(moveLocation(expected, move), expected, 'a second time changes nothing')
  }
  t.same(moveTexts({ a: ['file:///old/x', 7n, null, true], b: { c: '/old/y', d: 'the /old/ days' } }, { from: ['/old'], to: '/new' }),
    { a: ['file:///new/x', 7n, null, true], b: { c: '/new/y', d: 'the /old/ days' } })
})

t.test('a manifest of another writer comes out as it went in, but for what was changed', async t => {
  const pair = (key: number, value: number, type: string): AvroRecord => ({ type: 'record', name: `k${key}_v${value}`, fields: [{ 'name': 'key', 'type': 'int', 'field-id': key }, { 'name': 'value', 'type': type, 'field-id': value }] })
  const optional = (type: AvroSchema): AvroSchema => ['null', type]
  const schema: AvroRecord = {
    type: 'record',
    name: 'manifest_entry',
    fields: [
      { 'name': 'status', 'type': 'int', 'field-id': 0 },
      { 'name': 'the_file', 'field-id': 2, 'type': {
        type: 'record',
        name: 'r2',
        fields: [
          { 'name': 'path_of_it', 'type': 'string', 'field-id': 100 },
          { 'name': 'partition', 'type': { type: 'record', name: 'r102', fields: [{ 'name': 'kind', 'type': optional('string'), 'field-id': 1000 }] }, 'field-id': 102 },
          { 'name': 'lower_bounds', 'type': optional({ 'type': 'array', 'logicalType': 'map', 'items': pair(126, 127, 'bytes') }), 'field-id': 125 },
          { 'name': 'first_row_id', 'type': optional('long'), 'field-id': 142 },
          { 'name': 'sizes', 'type': optional({ type: 'array', items: 'long' }) },
          { 'name': 'hash', 'type': { type: 'fixed', name: 'f4', size: 4 }, 'field-id': 4711 }
        ]
      } }
    ]
  }
  const file = (path: string) => ({ status: 1, the_file: {
    path_of_it: path,
    partition: { kind: '/old/is a value' },
    lower_bounds: new Map([[1, Buffer.from('a')], [2, Buffer.from([0xff, 0])]]),
    first_row_id: 9_007_199_254_740_993n,
    sizes: [1n, 2n],
    hash: Buffer.from([1, 2, 3, 4])
  } })
  const given = await encodeContainer(compileFileSchema(schema), { 'format-version': '3', 'partition-spec': '[{"name":"kind"}]' }, [file('file:///old/1'), file('file:///old/2')])
  // Some writers forget to say that a list of pairs is a map.
  const forgetful = Buffer.from(given.toString('latin1').replace('"logicalType":"map"', '"logicalType":"mop"'), 'latin1')
  for (const bytes of [given, forgetful]) {
    const rewritten = await rewriteAvro(bytes, (row, names) => {
      const data = row[names.get(2)!] as AvroRow
      data[names.get(100)!] = String(data[names.get(100)!]).replace('/old/', '/new place/')
    })
    const [before, after] = [await decodeContainer(bytes, new Map()), await decodeContainer(rewritten, new Map())]
    t.same(after.metadata, before.metadata)
    const expected = before.records.map(record => {
      const file = (record as Record<string, AvroRow>)['#2']!
      return { ...record as AvroRow, '#2': { ...file, '#100': String(file['#100']).replace('/old/', '/new place/') } }
    })
    t.same(after.records, expected)
  }
  await t.rejects(rewriteAvro(Buffer.from('nothing of the kind'), () => {}), /not an Avro file/)
})
