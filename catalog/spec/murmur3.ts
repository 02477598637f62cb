/** Murmur3, x86, 32 bits, seed 0: the hash of the spec's bucket transform and of object-storage paths. Returns a signed 32-bit integer. */
export function hashMurmur3(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const blocks = bytes.length >>> 2
  let hash = 0
  for (let block = 0; block < blocks; block++) {
    hash ^= mixKey(view.getInt32(block * 4, true))
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64 | 0
  }
  let tail = 0
  for (let index = bytes.length - 1; index >= blocks * 4; index--) tail = (tail << 8) | (bytes[index] ?? 0)
  if (bytes.length % 4 !== 0) hash ^= mixKey(tail)
  hash ^= bytes.length
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) | 0
}

function mixKey(key: number): number {
  const mixed = Math.imul(key, 0xcc9e2d51)
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
}
