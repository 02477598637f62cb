// The bytes of records as they were sent, for those whose line says it in other words (mapped, split, newlines between
// tokens): a dead letter keeps them exactly. They wait in a file beside the lines, not in memory.

import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { fail } from './errors.ts'

const chunkBytes = 256 * 1024

export class SentBytes {
  readonly #file: string
  readonly #places = new Map<string, { readonly at: number, readonly length: number }>()
  #chunk: Buffer | null = null
  #used = 0
  #written = 0
  #fd: number | null = null

  constructor (file: string) {
    this.#file = file
  }

  keep (key: string, value: Uint8Array): void {
    this.#places.set(key, { at: this.#written + this.#used, length: value.length })
    this.#chunk ??= Buffer.allocUnsafeSlow(chunkBytes)
    if (this.#used + value.length > this.#chunk.length) this.#flush()
    if (value.length > this.#chunk.length) {
      this.#write(value)
      return
    }
    this.#chunk.set(value, this.#used)
    this.#used += value.length
  }

  /** Null for a record whose line is as it was sent. */
  read (key: string): Buffer | null {
    const place = this.#places.get(key)
    if (place === undefined) return null
    this.#flush()
    const value = Buffer.alloc(place.length)
    if (place.length > 0) readSync(this.#fd!, value, 0, place.length, place.at)
    return value
  }

  discard (): void {
    if (this.#fd === null) return
    closeSync(this.#fd)
    this.#fd = null
    rmSync(this.#file, { force: true })
  }

  #flush (): void {
    const used = this.#used
    this.#used = 0
    if (used > 0) this.#write(this.#chunk!.subarray(0, used))
  }

  #write (bytes: Uint8Array): void {
    try {
      this.#fd ??= openSync(this.#file, 'w+')
      for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at, bytes.length - at)
      this.#written += bytes.length
    } catch (error) {
      throw fail('WRITER_STAGING_UNWRITABLE', { dir: this.#file }, error)
    }
  }
}
