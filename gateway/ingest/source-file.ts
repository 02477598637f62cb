// One input file while it is read: its bytes in order, and the fingerprint of those that were consumed. The fingerprint is of
// the bytes as they were read, so that a file that changes under our hands is seen to have changed at the next look.
// Invariant: what is hashed is the file from its first byte on, without a gap; memory is bounded whatever a line is long.

import { createHash, type Hash } from 'node:crypto'
import type { Stats } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'

const chunkBytes = 256 * 1024
const pendingBytesMax = 4 * 1024 * 1024
const tailBytes = 4096

/** What a process keeps of a file that it follows: enough to go on hashing. */
export interface Consumed { readonly hash: Hash, readonly end: number, readonly tail: Buffer }

export class SourceFile {
  readonly path: string
  readonly stats: Stats
  /** Not read from its first byte on, but from where this process was. */
  resumed = false
  readonly #handle: FileHandle
  #hash: Hash = createHash('sha256')
  #hashedTo = 0
  /** The last bytes that were hashed. */
  #tail: Buffer = Buffer.alloc(0)
  /** Read and not yet hashed, from `#hashedTo` on. */
  #pending: Buffer[] = []
  #readTo = 0
  /** How far lines were taken. */
  #takenTo = 0
  /** The fingerprint at `#takenTo`, when what lies behind it was hashed to make room. */
  #mark: { readonly end: number, readonly digest: string } | null = null

  private constructor (path: string, handle: FileHandle, stats: Stats) {
    this.path = path
    this.#handle = handle
    this.stats = stats
  }

  static async open (path: string): Promise<SourceFile> {
    const handle = await open(path)
    return new SourceFile(path, handle, await handle.stat())
  }

  async close (): Promise<void> {
    await this.#handle.close()
  }

  async head (bytes: number): Promise<Buffer> {
    return await this.#read(0, bytes)
  }

  /** The bytes from `start` to the end of the file, which may be growing. */
  async * chunks (start: number): AsyncGenerator<Buffer> {
    for (let at = start; ;) {
      const chunk = await this.#read(at, chunkBytes)
      if (chunk.length === 0) return
      await this.#keep(at, chunk)
      at += chunk.length
      yield chunk
    }
  }

  /** Everything before `end` has become lines. */
  take (end: number): void {
    if (end <= this.#takenTo) return
    this.#takenTo = end
    this.#mark = null
  }

  /** Of all bytes before `end`, which is where lines were taken to. */
  fingerprint (end: number): string {
    if (this.#mark?.end === end) return this.#mark.digest
    this.#hashTo(end)
    return this.#hash.copy().digest('hex')
  }

  /** Reads through the first `end` bytes, to go on from there: their fingerprint, or null when there are fewer. */
  async readThrough (end: number): Promise<string | null> {
    if (this.stats.size < end) return null
    this.begin()
    for await (const chunk of this.chunks(0)) {
      if (this.#readTo >= end) break
      this.#hashTo(this.#hashedTo + chunk.length)
    }
    if (this.#readTo < end) return null
    this.take(end)
    return this.fingerprint(end)
  }

  /** Goes on where this process was, when the bytes just before are the same. */
  async resume ({ hash, end, tail }: Consumed): Promise<boolean> {
    if (this.stats.size < end || !(await this.#read(end - tail.length, tail.length)).equals(tail)) return false
    this.resumed = true
    this.#hash = hash.copy()
    this.#tail = tail
    this.#hashedTo = this.#readTo = this.#takenTo = end
    return true
  }

  /** Null when more than what was taken is hashed already. */
  consumed (end: number): Consumed | null {
    if (end < this.#hashedTo) return null
    this.#hashTo(end)
    return { hash: this.#hash.copy(), end, tail: this.#tail }
  }

  /** Forgets what was read: nothing of the file is consumed. */
  begin (): void {
    this.resumed = false
    this.#hash = createHash('sha256')
    this.#hashedTo = this.#readTo = this.#takenTo = 0
    this.#tail = Buffer.alloc(0)
    this.#pending = []
    this.#mark = null
  }

  async #read (at: number, bytes: number): Promise<Buffer> {
    const { buffer, bytesRead } = await this.#handle.read(Buffer.allocUnsafe(bytes), 0, bytes, at)
    return buffer.subarray(0, bytesRead)
  }

  /** Readers begin behind a header, and begin again where a record was broken. */
  async #keep (at: number, chunk: Buffer): Promise<void> {
    for (let gap = at - this.#readTo; gap > 0; gap = at - this.#readTo) {
      const missing = await this.#read(this.#readTo, Math.min(gap, chunkBytes))
      if (missing.length === 0) return
      this.#push(missing)
    }
    const known = this.#readTo - at
    if (known < chunk.length) this.#push(chunk.subarray(known))
  }

  #push (bytes: Buffer): void {
    this.#pending.push(bytes)
    this.#readTo += bytes.length
    if (this.#readTo - this.#hashedTo <= pendingBytesMax) return
    if (this.#takenTo > this.#hashedTo) this.#hashTo(this.#takenTo)
    if (this.#readTo - this.#hashedTo <= pendingBytesMax) return
    // A line of any length: the next place that matters is where it ends, which lies among what was read last.
    if (this.#mark === null) this.#mark = { end: this.#takenTo, digest: this.fingerprint(this.#takenTo) }
    this.#hashTo(this.#readTo - pendingBytesMax / 2)
  }

  #hashTo (end: number): void {
    if (end < this.#hashedTo) throw new TypeError(`the fingerprint of ${end} bytes of ${this.path} was not kept`)
    while (this.#hashedTo < end) {
      const first = this.#pending.shift()
      if (first === undefined) throw new TypeError(`bytes ${this.#hashedTo} to ${end} of ${this.path} were not read`)
      const part = first.subarray(0, end - this.#hashedTo)
      this.#hash.update(part)
      this.#hashedTo += part.length
      this.#tail = Buffer.from((part.length < tailBytes ? Buffer.concat([this.#tail, part]) : part).subarray(-tailBytes))
      if (part.length < first.length) this.#pending.unshift(first.subarray(part.length))
    }
  }
}
