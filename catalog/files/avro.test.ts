import t from 'tap'
import fc from 'fast-check'
import { zstdCompressSync } from 'node:zlib'
import { AvroInput, AvroOutput, compileReader, compileWriter } from './avro.ts'
import { compileFileSchema, decodeContainer, encodeContainer } from './avro-container.ts'
import { sanitizeName } from './manifest-schema.ts'
import { inflateSnappy } from './snappy.ts'

t.test('any long comes back, and takes the bytes that Avro says', async t => {
  fc.assert(fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), value => {
    const out = new AvroOutput(1)
    out.writeLong(value)
    return new AvroInput(out.take()).readLong() === value
  }), { numRuns: 1_000 })
  const bytesOf = (value: number) => { const out = new AvroOutput(); out.writeLong(value); return [...out.take()] }
  t.same([0, -1, 1, -64, 64].map(bytesOf), [[0], [1], [2], [0x7f], [0x80, 0x01]])
})

t.test('fields are read by id, so that a foreign name does not matter', async t => {
  const writer = compileWriter({ type: 'record', name: 'x', fields: [{ 'name': 'foreign', 'type': ['null', 'string'], 'default': null, 'field-id': 100 }, { 'name': 'other', 'type': 'int', 'field-id': 9000 }] })
  const out = new AvroOutput()
  writer(out, { foreign: 'é', other: 5 })
  const reader = compileReader({ type: 'record', name: 'x', fields: [{ 'name': 'foreign', 'type': ['null', 'string'], 'field-id': 100 }, { 'name': 'other', 'type': 'int', 'field-id': 9000 }] }, new Map([[100, 'file_path']]))
  t.same(reader(new AvroInput(out.take())), { 'file_path': 'é', '#9000': 5 })
})

t.test('a container of many blocks comes back; a cut or altered one is refused', async t => {
  const schema = compileFileSchema({ type: 'record', name: 'r', fields: [{ 'name': 'a', 'type': 'string', 'field-id': 1 }] })
  const records = Array.from({ length: 5_000 }, (_, index) => ({ a: `value ${index} `.repeat(5) }))
  const bytes = await encodeContainer(schema, { hello: 'world' }, records)
  const names = new Map([[1, 'a']])
  const read = await decodeContainer(bytes, names)
  t.same(read.records, records)
  t.equal(read.metadata.get('hello'), 'world')
  t.match(read.metadata.get('avro.schema'), '"field-id":1')
  await t.rejects(decodeContainer(bytes.subarray(0, bytes.length - 10), names))
  await t.rejects(decodeContainer(Buffer.from('nonsense'), names))
  const altered = Buffer.from(bytes)
  altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1
  await t.rejects(decodeContainer(altered, names), /sync marker/)
})

t.test('other writers\' codecs are read', async t => {
  const head = (codec: string) => {
    const out = new AvroOutput()
    out.writeRaw(Buffer.from('Obj\u0001', 'latin1'))
    out.writeLong(2)
    for (const text of ['avro.schema', '"string"', 'avro.codec', codec]) out.writeString(text)
    out.writeLong(0)
    return out
  }
  const file = (codec: string, packed: Buffer) => {
    const out = head(codec)
    out.writeRaw(Buffer.alloc(16, 7))
    out.writeLong(1)
    out.writeLong(packed.length)
    out.writeRaw(packed)
    out.writeRaw(Buffer.alloc(16, 7))
    return out.take()
  }
  const raw = Buffer.concat([Buffer.from([6]), Buffer.from('abc')])
  t.same((await decodeContainer(file('null', raw), new Map())).records, ['abc'])
  t.same((await decodeContainer(file('zstandard', zstdCompressSync(raw)), new Map())).records, ['abc'])
  const snappy = Buffer.concat([Buffer.from([4, 3 << 2]), raw, Buffer.alloc(4)])
  t.same((await decodeContainer(file('snappy', snappy), new Map())).records, ['abc'])
  await t.rejects(decodeContainer(file('bzip2', raw), new Map()), /bzip2/)
})

t.test('snappy copies may overlap', async t => {
  t.equal(inflateSnappy(Buffer.from([10, 0, 0x61, ((9 - 4) << 2) | 1, 1])).toString(), 'aaaaaaaaaa')
  t.throws(() => inflateSnappy(Buffer.from([10, 0, 0x61, ((9 - 4) << 2) | 1, 2])))
})

t.test('partition names that Avro does not allow are spelt as Java spells them', async t => {
  t.equal(sanitizeName('my-col'), 'my_x2Dcol')
  t.equal(sanitizeName('9lives'), '_9lives')
  t.equal(sanitizeName('event_date'), 'event_date')
})
