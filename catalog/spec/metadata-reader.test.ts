import t from 'tap'
import fc from 'fast-check'
import { parseJson, printJson } from './json.ts'
import { MetadataReader } from './metadata-reader.ts'

const snapshot = fc.record({
  'snapshot-id': fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }), 'sequence-number': fc.nat().map(BigInt), 'timestamp-ms': fc.nat(), 'manifest-list': fc.string(),
  'summary': fc.dictionary(fc.string(), fc.string({ unit: 'binary' }), { maxKeys: 3 })
})

t.test('a table that changes at random reads as if it were parsed anew each time', async () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(3), fc.array(snapshot, { maxLength: 4 })), { maxLength: 8 }), steps => {
    const reader = new MetadataReader()
    let snapshots: Record<string, unknown>[] = []
    return steps.every(([dropped, added]) => {
      snapshots = [...snapshots.slice(dropped), ...added]
      const log = snapshots.map(one => ({ 'snapshot-id': one['snapshot-id'], 'timestamp-ms': one['timestamp-ms'] }))
      const text = printJson({ 'metadata-location': 'file:///m', 'metadata': { 'format-version': 2, 'properties': { odd: '"snapshots":[' }, snapshots, 'snapshot-log': log } })
      return printJson(reader.parseReply(text)) === text
    })
  }), { numRuns: 200 })
})

t.test('what is spelt otherwise is parsed plainly', async t => {
  for (const text of [
    '{"metadata":{"snapshots": [ {"snapshot-id":1} ],"snapshot-log":[]}}', '{"metadata":{}}', '{"metadata":null}', '[]', '{"vendor":{"snapshots":[1]},"metadata":{"snapshots":[{"a":1}],"snapshot-log":[]}}',
    '{"vendor":{"snapshots":[{"a":1}]},"metadata":{"snapshot-log":[]}}', '{"metadata":{"snapshots":[1,2],"snapshot-log":[]}}'
  ]) t.same(new MetadataReader().parseReply(text), parseJson(text))
  t.throws(() => new MetadataReader().parseReply('{"metadata":{"snapshots":[{"a":1}'), SyntaxError)
  t.throws(() => new MetadataReader().parseReply('{"metadata":{"snapshots":[{"a":1}],"snapshot-log":[]}'), SyntaxError)
})

t.test('a known snapshot is the same object in the next reading', async t => {
  const reader = new MetadataReader()
  const text = (ids: number[]) => printJson({ metadata: { 'snapshots': ids.map(id => ({ 'snapshot-id': BigInt(id) })), 'snapshot-log': [] } })
  const first = reader.parseReply(text([1, 2, 3])) as { metadata: { snapshots: object[] } }
  const second = reader.parseReply(text([2, 3, 4])) as { metadata: { snapshots: object[] } }
  t.equal(first.metadata.snapshots[1], second.metadata.snapshots[0])
  t.equal(second.metadata.snapshots.length, 3)
})
