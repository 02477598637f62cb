// Key → partition, bit for bit as Kafka's Java client does it (org.apache.kafka.common.utils.Utils.murmur2 and
// DefaultPartitioner), so that a key stays on its partition whichever backend or producer wrote it.

/** Most keys are short and plain: their bytes are written here and nowhere else. */
const plain = new Uint8Array(256)

/** The partition of a key among `partitions`. */
export function partitionOf (key: string, partitions: number): number {
  return (hashOf(key) & 0x7fffffff) % partitions
}

function hashOf (key: string): number {
  const length = key.length
  if (length > plain.length) return murmur2(Buffer.from(key))
  for (let i = 0; i < length; i++) {
    const code = key.charCodeAt(i)
    if (code > 127) return murmur2(Buffer.from(key))
    plain[i] = code
  }
  return murmur2(plain, length)
}

/** Kafka's murmur2 (seed 0x9747b28c) of the first `length` bytes as a signed 32-bit integer. */
export function murmur2 (bytes: Uint8Array, length = bytes.length): number {
  let hash = 0x9747b28c ^ length
  const whole = length & ~3
  for (let i = 0; i < whole; i += 4) {
    let word = bytes[i]! | bytes[i + 1]! << 8 | bytes[i + 2]! << 16 | bytes[i + 3]! << 24
    word = Math.imul(word, 0x5bd1e995)
    word ^= word >>> 24
    word = Math.imul(word, 0x5bd1e995)
    hash = Math.imul(hash, 0x5bd1e995) ^ word
  }
  const rest = length & 3
  if (rest === 3) hash ^= bytes[whole + 2]! << 16
  if (rest >= 2) hash ^= bytes[whole + 1]! << 8
  if (rest >= 1) hash = Math.imul(hash ^ bytes[whole]!, 0x5bd1e995)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0x5bd1e995)
  return (hash ^ hash >>> 15) | 0
}
