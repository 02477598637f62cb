import t from 'tap'
import fc from 'fast-check'
import { parseJson, parseMetadata, printJson, sealJson } from './json.ts'

t.test('a 63-bit snapshot id comes through both ways unchanged', async t => {
  const text = '{"snapshot-id":9223372036854775807,"parent-snapshot-id":-1,"sequence-number": 34 ,"timestamp-ms":1515100955770,"x":[1,2.5,"\\u0000a"]}'
  const value = parseJson(text) as Record<string, unknown>
  t.equal(value['snapshot-id'], 9223372036854775807n)
  t.equal(value['parent-snapshot-id'], -1n)
  t.equal(value['sequence-number'], 34n)
  t.equal(value['timestamp-ms'], 1515100955770)
  t.equal(printJson(value), text.replace(' 34 ', '34'))
})

t.test('ids in a list and null ids are read', async t => {
  t.same(parseJson('{"snapshot-ids":[3051729675574597004, 5],"snapshot-id":null}'), { 'snapshot-ids': [3051729675574597004n, 5n], 'snapshot-id': null })
})

t.test('text that looks like an id inside a string stays text', async t => {
  const value = { 'properties': { 'snapshot-id': '12', 'firn.offsets': '{"snapshot-id":3051729675574597004}', 'odd\\"snapshot-id': '"snapshot-id": 5' } }
  t.same(parseJson(printJson(value)), value)
})

t.test('a wide integer in a member that nobody declared keeps its digits', async t => {
  const text = '{"vendor":{"big":12345678901234567890},"snapshot-id":1}'
  t.equal(printJson(parseJson(text)), text)
})

t.test('any JSON value without ids reads as JSON.parse reads it', async () => {
  fc.assert(fc.property(fc.jsonValue(), value => {
    const text = JSON.stringify(value)
    return printJson(parseJson(text)) === JSON.stringify(JSON.parse(text))
  }), { numRuns: 300 })
})

t.test('metadata without optional members is completed; unknown members are kept', async t => {
  const metadata = parseMetadata('{"format-version":2,"table-uuid":"u","location":"file:///t","last-column-id":1,"schemas":[],"current-schema-id":0,"partition-specs":[],"current-snapshot-id":null,"vendor":1}')
  t.equal(metadata['current-snapshot-id'], -1n)
  t.same(metadata.refs, {})
  t.equal((metadata as unknown as { vendor: number }).vendor, 1)
  t.throws(() => parseMetadata('{"format-version":2}'), /no 'table-uuid'/)
  t.throws(() => parseMetadata('[]'))
})

t.test('metadata of 1 MiB parses and prints in milliseconds', async t => {
  const summary = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`total-number-of-things-${index}`, String(index * 1000)]))
  const snapshots = Array.from({ length: 1400 }, (_, index) => ({ 'snapshot-id': 3051729675574597004n + BigInt(index), 'sequence-number': BigInt(index), 'timestamp-ms': 1, 'manifest-list': 'file:///x', summary }))
  const text = printJson({ 'format-version': 2, 'table-uuid': 'u', 'location': 'l', 'last-column-id': 1, 'schemas': [], 'current-schema-id': 0, 'partition-specs': [], 'properties': {}, 'current-snapshot-id': 3051729675574597004n, snapshots })
  t.ok(text.length > 1_000_000, String(text.length))
  let best = Infinity
  let printed = ''
  let bestPrint = Infinity
  for (let round = 0; round < 8; round++) {
    const start = performance.now()
    const metadata = parseMetadata(text)
    best = Math.min(best, performance.now() - start)
    printJson(metadata)
    const startPrint = performance.now()
    printed = printJson(metadata)
    bestPrint = Math.min(bestPrint, performance.now() - startPrint)
  }
  t.comment(`parse ${best.toFixed(1)} ms, print again ${bestPrint.toFixed(1)} ms`)
  t.ok(best < 60, 'parse')
  t.ok(bestPrint < 20, 'print of sealed snapshots')
  t.match(printed, /3051729675574597005/)
})

t.test('a sealed object cannot change under its remembered text', async t => {
  const snapshot = sealJson({ 'snapshot-id': 1n, 'summary': { a: '1' } })
  t.throws(() => { snapshot.summary.a = '2' })
  t.equal(printJson(snapshot), printJson({ ...snapshot }))
})
