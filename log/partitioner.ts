// Key → partition, bit for bit as Kafka's Java client does it (org.apache.kafka.common.utils.Utils.murmur2 and
// DefaultPartitioner), so that a key stays on its partition whichever backend or producer wrote it.

/** The partition of a key among `partitions`. */
export function partitionOf (key: string, partitions: number): number {
  return (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions
}

/** Kafka's murmur2 (seed 0x9747b28c) as a signed 32-bit integer. */
export function murmur2 (bytes: Uint8Array): number {
  const length = bytes.length
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
