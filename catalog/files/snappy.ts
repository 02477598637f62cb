/** Snappy's raw format, reading only: Spark writes Avro with it when told to. Throws RangeError on damaged bytes. */
export function inflateSnappy(bytes: Uint8Array): Buffer {
  let position = 0
  const next = () => {
    const byte = bytes[position++]
    if (byte === undefined) throw new RangeError('the snappy block ends too early')
    return byte
  }
  const little = (count: number) => { let value = 0; for (let index = 0; index < count; index++) value += next() * 2 ** (8 * index); return value }
  let length = 0
  for (let shift = 0; ; shift += 7) {
    const byte = next()
    length += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  const out = Buffer.alloc(length)
  let filled = 0
  while (position < bytes.length) {
    const tag = next()
    if ((tag & 3) === 0) {
      const short = tag >>> 2
      const count = (short < 60 ? short : little(short - 59)) + 1
      if (position + count > bytes.length || filled + count > length) throw new RangeError('a snappy literal is too long')
      out.set(bytes.subarray(position, position + count), filled)
      position += count
      filled += count
      continue
    }
    const count = (tag & 3) === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1
    const offset = (tag & 3) === 1 ? ((tag >>> 5) << 8) | next() : little((tag & 3) === 2 ? 2 : 4)
    if (offset === 0 || offset > filled || filled + count > length) throw new RangeError('a snappy copy points outside the block')
    for (let index = 0; index < count; index++, filled++) out[filled] = out[filled - offset] ?? 0
  }
  if (filled !== length) throw new RangeError('the snappy block is shorter than it says')
  return out
}
