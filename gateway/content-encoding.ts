// Inflates request bodies: gzip, br, zstd, deflate. The bound on the inflated size is checked as output appears, so a zip
// bomb costs at most the bound; a few bodies inflate at once, the others wait with their compressed bytes only.
// Refuses unknown encodings (415), damaged or cut streams (400) and what inflates beyond the bound (413).

import zlib from 'node:zlib'
import { fail } from './errors.ts'

type Decode = (bytes: Buffer, options: { maxOutputLength: number, chunkSize: number }, done: (error: Error | null, inflated: Buffer) => void) => void

const decoders: Readonly<Record<string, Decode>> = {
  gzip: zlib.gunzip,
  'x-gzip': zlib.gunzip,
  br: zlib.brotliDecompress,
  zstd: zlib.zstdDecompress,
  // RFC 9110 says zlib, some clients send raw deflate: the first byte tells.
  deflate: (bytes, options, done) => { (((bytes[0] ?? 0) & 0x0f) === 8 ? zlib.inflate : zlib.inflateRaw)(bytes, options, done) }
}

/** As many as libuv has threads for it; each may hold the bound twice while its chunks are joined. */
const inflationsMax = 4
const chunkBytes = 64 * 1024

let running = 0
const waiting: Array<() => void> = []

/** The decoder's name for a Content-Encoding header, null for none. Throws GATEWAY_ENCODING_UNKNOWN. */
export function encodingOf (header: string | undefined): string | null {
  if (header === undefined) return null
  const encoding = header.trim().toLowerCase()
  if (encoding === '' || encoding === 'identity') return null
  if (!Object.hasOwn(decoders, encoding)) throw fail('GATEWAY_ENCODING_UNKNOWN', { encoding: JSON.stringify(encoding.slice(0, 64)) })
  return encoding
}

export function inflateBody (bytes: Buffer, encoding: string, bodyBytesMax: number, done: (error: Error | null, inflated: Buffer) => void): void {
  if (running >= inflationsMax) {
    waiting.push(() => { inflateBody(bytes, encoding, bodyBytesMax, done) })
    return
  }
  running++
  const decode = decoders[encoding] as Decode
  decode(bytes, { maxOutputLength: bodyBytesMax, chunkSize: chunkBytes }, (error, inflated) => {
    running--
    waiting.shift()?.()
    if (error === null) {
      done(null, inflated)
    } else if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      done(fail('GATEWAY_BODY_TOO_LARGE', { bodyBytesMax, inflated: ' when inflated' }, error), bytes)
    } else {
      done(fail('GATEWAY_ENCODING_DAMAGED', { encoding, reason: error.message }, error), bytes)
    }
  })
}
