/**
 * The seal of the catalog's state: how many changes it has seen and what it must hold, in a small file beside it, on disk before a change is
 * answered. SQLite's write-ahead log ends without a word at its first bad frame, and a page has no checksum: the seal is what contradicts.
 *
 * Two slots are written in turn, each with a checksum, so that a torn write leaves the one before. The seal follows the state: it is never
 * ahead of what the state held when a change was answered, and behind it by one change after a death between the two.
 */
import { createHash } from 'node:crypto'
import { closeSync, existsSync, fdatasyncSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'

const slotBytes = 4096

/** `sum` is of all rows, `changes` rises by one with each transaction. */
export interface StateSeal { readonly catalog: string, readonly changes: number, readonly sum: string }

/** What the state itself says of its rows, and what they add up to. */
export interface StateFound {
  readonly layout: number
  /** No table is in it. */
  readonly isEmpty: boolean
  /** Null: none is in it. */
  readonly recorded: StateSeal | null
  readonly sum: string
}

export type StateJudgement =
  | { readonly kind: 'sound' }
  /** Written before there were seals, or for the first time. */
  | { readonly kind: 'unsealed' }
  | { readonly kind: 'damaged', readonly reason: string }
  /** Whole in itself, but changes that were answered are not in it. */
  | { readonly kind: 'older', readonly reason: string }

/** Whether a state may be used, from what lies in it and what the seal beside it says. */
export function judgeState(found: StateFound, seal: StateSeal | null, sealedLayout: number): StateJudgement {
  const { recorded } = found
  if (recorded === null) {
    if (seal !== null && found.isEmpty) return { kind: 'older', reason: `it is empty, but ${seal.changes} changes were answered` }
    if (seal !== null || found.layout >= sealedLayout) return { kind: 'damaged', reason: 'its own record of what it holds is gone' }
    return { kind: 'unsealed' }
  }
  if (recorded.sum !== found.sum) return { kind: 'damaged', reason: 'its rows are not those that were written: their checksum differs' }
  if (seal === null) return { kind: 'sound' }
  if (seal.catalog !== recorded.catalog) return { kind: 'older', reason: `it belongs to catalog ${recorded.catalog}, the seal beside it to ${seal.catalog}` }
  if (recorded.changes < seal.changes) return { kind: 'older', reason: `it holds ${recorded.changes} changes, but ${seal.changes} were answered` }
  if (recorded.changes === seal.changes && recorded.sum !== seal.sum) return { kind: 'damaged', reason: `after ${seal.changes} changes it held something else` }
  return { kind: 'sound' }
}

/** The sum of rows in any order: what is added can be taken away again, so that a change costs what it changes. */
export class RowSum {
  #sum = 0n

  add(row: readonly unknown[]): void { this.#sum = BigInt.asUintN(128, this.#sum + hashRow(row)) }
  remove(row: readonly unknown[]): void { this.#sum = BigInt.asUintN(128, this.#sum - hashRow(row)) }
  get value(): bigint { return this.#sum }
  set value(sum: bigint) { this.#sum = sum }

  /** With the number of changes and the catalog in it: one of them alone cannot change unseen. */
  print(catalog: string, changes: number): string {
    return createHash('sha256').update(`${catalog}\n${changes}\n${this.#sum}`).digest('hex').slice(0, 32)
  }
}

/** The file, open for as long as the state is. */
export class SealFile {
  #descriptor: number

  constructor(path: string) {
    const isNew = !existsSync(path)
    this.#descriptor = openSync(path, isNew ? 'wx+' : 'r+')
    if (!isNew) return
    writeSync(this.#descriptor, Buffer.alloc(2 * slotBytes), 0, 2 * slotBytes, 0)
    fsyncSync(this.#descriptor)
  }

  /** On disk when it returns. */
  write(seal: StateSeal): void {
    const text = Buffer.alloc(slotBytes)
    text.write(`${JSON.stringify(seal)}\n${checksumOf(JSON.stringify(seal))}\n`)
    writeSync(this.#descriptor, text, 0, slotBytes, seal.changes % 2 * slotBytes)
    fdatasyncSync(this.#descriptor)
  }

  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor)
    this.#descriptor = -1
  }
}

/** The newest slot that can be read; null without one. */
export function readSeal(path: string): StateSeal | null {
  if (!existsSync(path)) return null
  const bytes = readFileSync(path)
  const slots = [0, slotBytes].map(at => parseSlot(bytes.subarray(at, at + slotBytes).toString('latin1')))
  return slots.filter(slot => slot !== null).sort((a, b) => b.changes - a.changes)[0] ?? null
}

function parseSlot(text: string): StateSeal | null {
  const [json = '', checksum] = text.split('\n')
  return checksumOf(json) === checksum ? JSON.parse(json) as StateSeal : null
}

function checksumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

function hashRow(row: readonly unknown[]): bigint {
  return BigInt(`0x${createHash('sha256').update(JSON.stringify(row)).digest('hex').slice(0, 32)}`)
}
