// What a statement gives, in order: a head, runs of bytes, then its end or its failure. On a pipe each is one kind byte, four
// bytes of length and the payload, so that an answer passes from process to process with back pressure and is never whole.

import type { Readable } from 'node:stream'

export interface AnswerHead { readonly names: readonly string[], readonly types: readonly string[] }
export interface AnswerEnd { readonly rows: number, readonly truncated: boolean }
export interface AnswerFailure { readonly code: string, readonly message: string, readonly retryable: boolean, readonly httpStatus: number }

export type Frame =
  | { readonly kind: 'head', readonly head: AnswerHead }
  | { readonly kind: 'data', readonly bytes: Uint8Array }
  | { readonly kind: 'end', readonly end: AnswerEnd }
  | { readonly kind: 'failed', readonly failure: AnswerFailure }
  /** The views of this statement are not there: their plan has to be sent. */
  | { readonly kind: 'plan' }

const kinds = ['head', 'data', 'end', 'failed', 'plan'] as const
const headBytes = 5
/** A head names every column; runs of rows are cut into less. More is no frame of ours. */
const frameBytesMax = 16 * 1024 ** 2

export function printFrame (frame: Frame): Buffer {
  const payload = frame.kind === 'data' ? frame.bytes : Buffer.from(JSON.stringify(frame))
  const head = Buffer.allocUnsafe(headBytes)
  head.writeUInt8(kinds.indexOf(frame.kind), 0)
  head.writeUInt32LE(payload.length, 1)
  return Buffer.concat([head, payload])
}

/** Reads frames one at a time: what is not asked for stays in the pipe. */
export class FrameReader {
  readonly #stream: Readable
  #rest: Buffer = Buffer.alloc(0)

  constructor (stream: Readable) { this.#stream = stream }

  /** null when the other side is gone. */
  async next (): Promise<Frame | null> {
    const head = await this.#take(headBytes)
    if (head === null) return null
    const kind = kinds[head.readUInt8(0)]
    const length = head.readUInt32LE(1)
    if (kind === undefined || length > frameBytesMax) return null
    const payload = await this.#take(length)
    if (payload === null) return null
    return kind === 'data' ? { kind, bytes: payload } : JSON.parse(payload.toString()) as Frame
  }

  async #take (length: number): Promise<Buffer | null> {
    let parts = [this.#rest]
    let bytes = this.#rest.length
    while (bytes < length) {
      const chunk = this.#stream.read() as Buffer | null
      if (chunk !== null) {
        parts.push(chunk)
        bytes += chunk.length
      } else if (!await readable(this.#stream)) return null
    }
    if (parts.length > 1) parts = [Buffer.concat(parts)]
    this.#rest = parts[0]!.subarray(length)
    return parts[0]!.subarray(0, length)
  }
}

/** False when nothing comes any more. */
async function readable (stream: Readable): Promise<boolean> {
  if (stream.readableEnded || stream.destroyed) return false
  return await new Promise(resolve => {
    const done = (is: boolean) => () => {
      for (const [event, listener] of listeners) stream.off(event, listener)
      resolve(is)
    }
    const listeners: [string, () => void][] = [['readable', done(true)], ['end', done(false)], ['close', done(false)], ['error', done(false)]]
    for (const [event, listener] of listeners) stream.on(event, listener)
  })
}
