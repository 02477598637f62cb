// Reads a request's body as bytes, under the budget and the bound on its size, and inflates it.
// What Content-Length announces is charged before a byte is read, and what it does not announce as it comes; a refused body
// is drained without being kept. A body that stands still gives its room back (unfinished-bodies.ts).
// Invariant: after an error nothing is held; after success the body owns its bytes of the budget until `give` of it.

import type { IncomingMessage } from 'node:http'
import { heldPerBodyByte, type Budget } from './budget.ts'
import { encodingOf, inflateBody } from './content-encoding.ts'
import { fail } from './errors.ts'
import type { UnfinishedBodies, UnfinishedBody } from './unfinished-bodies.ts'

export interface RequestBody {
  readonly bytes: Buffer
  /** What the body holds of the budget, and of whose share. */
  readonly held: number
  readonly share: string | null
  /** The address that it came from. */
  readonly address: string | null
}

export interface BodyLimits {
  readonly budget: Budget
  readonly unfinished: UnfinishedBodies
  readonly bodyBytesMax: number
}

export interface BodySender {
  readonly address: string | null
  readonly share: string | null
}

type Done = (error: Error | null, body?: RequestBody) => void

/** What a compressed body of JSON usually becomes, for the charge before it is known. */
const inflatedPerByte = 10

export function readBody (raw: IncomingMessage, payload: NodeJS.ReadableStream, sender: BodySender, limits: BodyLimits, done: Done): void {
  try {
    new Reading(raw, payload, sender, limits, done).begin()
  } catch (error) {
    payload.resume()
    throw error
  }
}

class Reading implements UnfinishedBody {
  readonly #payload: NodeJS.ReadableStream
  readonly #sender: BodySender
  readonly #limits: BodyLimits
  readonly #done: Done
  readonly #encoding: string | null
  readonly #announced: number | null
  readonly beganMs: number
  arrivedBytes = 0
  held = 0
  #first: Buffer | null = null
  #more: Buffer[] | null = null
  readonly #onData = (chunk: Buffer): void => { this.#take(chunk) }
  readonly #onEnd = (): void => { this.#end() }
  readonly #onError = (error: Error): void => { this.#stop(fail('GATEWAY_BODY_CUT', { reason: error.message }, error)) }

  constructor (raw: IncomingMessage, payload: NodeJS.ReadableStream, sender: BodySender, limits: BodyLimits, done: Done) {
    this.#payload = payload
    this.#sender = sender
    this.#limits = limits
    this.#done = done
    this.#encoding = encodingOf(raw.headers['content-encoding'])
    const announced = raw.headers['content-length']
    this.#announced = announced === undefined ? null : Number(announced)
    this.beganMs = limits.unfinished.nowMs
  }

  /** Throws GATEWAY_BODY_TOO_LARGE, GATEWAY_BUSY, GATEWAY_SHARE before anything is read. */
  begin (): void {
    const { bodyBytesMax, unfinished } = this.#limits
    const announced = this.#announced ?? 0
    if (announced > bodyBytesMax) throw tooLarge(bodyBytesMax)
    if (announced > 0) this.#hold(this.#heldOf(announced))
    const payload = this.#payload
    payload.on('data', this.#onData)
    payload.on('end', this.#onEnd)
    payload.on('error', this.#onError)
    unfinished.add(this)
  }

  drop (error: Error): void {
    this.#stop(error)
  }

  /** What a body of so many bytes on the wire holds until it is answered. */
  #heldOf (bytes: number): number {
    if (this.#encoding === null) return bytes * heldPerBodyByte
    return bytes + Math.min(bytes * inflatedPerByte, this.#limits.bodyBytesMax) * heldPerBodyByte
  }

  /** Makes it hold so much, no more and no less. */
  #hold (bytes: number): void {
    const { budget, unfinished } = this.#limits
    const more = bytes - this.held
    if (more > 0) {
      unfinished.makeRoom(budget, more, this)
      budget.take(more, this.#sender.share)
    } else budget.give(-more, this.#sender.share)
    this.held = bytes
  }

  #take (chunk: Buffer): void {
    const arrived = this.arrivedBytes + chunk.length
    try {
      if (arrived > this.#limits.bodyBytesMax) throw tooLarge(this.#limits.bodyBytesMax)
      if (this.#announced === null) this.#hold(this.#heldOf(arrived))
    } catch (error) {
      this.#stop(error as Error)
      return
    }
    this.arrivedBytes = arrived
    if (this.#first === null) this.#first = chunk
    else (this.#more ??= [this.#first]).push(chunk)
  }

  #end (): void {
    this.#detach()
    const bytes = this.#more !== null ? Buffer.concat(this.#more, this.arrivedBytes) : this.#first ?? Buffer.alloc(0)
    this.#first = this.#more = null
    if (this.#encoding === null) this.#finish(bytes)
    else inflateBody(bytes, this.#encoding, this.#limits.bodyBytesMax, (error, inflated) => { this.#inflated(error, inflated) })
  }

  #inflated (error: Error | null, bytes: Buffer): void {
    try {
      if (error !== null) throw error
      this.#hold(bytes.length * heldPerBodyByte)
    } catch (refusal) {
      this.#giveBack()
      this.#done(refusal as Error)
      return
    }
    this.#finish(bytes)
  }

  #finish (bytes: Buffer): void {
    const { address, share } = this.#sender
    this.#done(null, { bytes, held: this.held, share, address })
  }

  /** Before the end: whatever else arrives is thrown away. */
  #stop (error: Error): void {
    this.#detach()
    this.#giveBack()
    this.#first = this.#more = null
    this.#payload.on('error', ignore)
    this.#payload.resume()
    this.#done(error)
  }

  #giveBack (): void {
    this.#limits.budget.give(this.held, this.#sender.share)
    this.held = 0
  }

  #detach (): void {
    const payload = this.#payload
    payload.removeListener('data', this.#onData)
    payload.removeListener('end', this.#onEnd)
    payload.removeListener('error', this.#onError)
    this.#limits.unfinished.remove(this)
  }
}

function tooLarge (bodyBytesMax: number): Error {
  return fail('GATEWAY_BODY_TOO_LARGE', { bodyBytesMax, inflated: '' })
}

function ignore (): void {}
