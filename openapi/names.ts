// Names of JSON members: what a spelling says, and which id a name has.
//
// Names are compared by what they say: `"l\u006fcation"` is `location`. `decodeName` is the one place that says it.
// Finds a name by its bytes: an open-addressed table, so that the reader turns a JSON key into a field id without
// making a string of it. Refuses nothing; a name that is not in the table is -1. Built once, never changed.

export interface NameTable {
  /** id of the name whose bytes are `bytes[start, end)` with `hash` as `hashOf` makes it, or -1 */
  find (hash: number, bytes: Uint8Array, start: number, end: number): number
}

/** The name that the text between a JSON string's quotes spells. Only for valid JSON. */
export function decodeName (raw: string): string {
  return raw.includes('\\') ? JSON.parse(`"${raw}"`) as string : raw
}

export function hashOf (bytes: Uint8Array, start: number, end: number): number {
  let hash = 0
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0
  return hash
}

export function createNameTable (names: readonly { name: string, id: number }[]): NameTable {
  let size = 16
  while (size < names.length * 4) size *= 2
  const mask = size - 1
  const slots = new Int32Array(size).fill(-1)
  const hashes = new Int32Array(names.length)
  const ids = new Int32Array(names.length)
  const encoded = names.map(({ name }) => Buffer.from(name))

  for (const [n, bytes] of encoded.entries()) {
    const hash = hashOf(bytes, 0, bytes.length)
    hashes[n] = hash
    ids[n] = names[n]!.id
    let slot = spread(hash) & mask
    while (slots[slot] !== -1) slot = (slot + 1) & mask
    slots[slot] = n
  }

  function find (hash: number, bytes: Uint8Array, start: number, end: number): number {
    let slot = spread(hash) & mask
    let n = slots[slot]!
    while (n !== -1) {
      if (hashes[n] === hash && equal(encoded[n]!, bytes, start, end)) return ids[n]!
      slot = (slot + 1) & mask
      n = slots[slot]!
    }
    return -1
  }

  return { find }
}

function spread (hash: number): number {
  return hash ^ (hash >>> 7) ^ (hash >>> 16)
}

function equal (name: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== name.length) return false
  for (let i = 0; i < name.length; i++) if (name[i] !== bytes[start + i]) return false
  return true
}
