// Reads a request's body as bytes, under the budget and the bound on its size, and inflates it.
// Chunks are counted as they come, not by what Content-Length claims; a refused body is drained without being kept.
// Invariant: after an error nothing is held; after success the body owns its bytes of the budget until `give` of it.

import type { IncomingMessage } from 'node:http'
import type { Budget } from './budget.ts'
import { encodingOf, inflateBody } from './content-encoding.ts'
import { fail } from './errors.ts'

export interface RequestBody {
  readonly bytes: Buffer
  /** What the body holds of the budget. */
  readonly held: number
}

export interface BodyLimits {
  readonly budget: Budget
  readonly bodyBytesMax: number
}

type Done = (error: Error | null, body?: RequestBody) => void

export function readBody (raw: IncomingMessage, payload: NodeJS.ReadableStream, limits: BodyLimits, done: Done): void {
  const { budget, bodyBytesMax } = limits
  const encoding = encodingOf(raw.headers['content-encoding'])
  const announced = Number(raw.headers['content-length'] ?? 0)
  if (announced > bodyBytesMax) {
    payload.resume()
    throw tooLarge(bodyBytesMax)
  }
  let first: Buffer | null = null
  let more: Buffer[] | null = null
  let held = 0

  function detach (): void {
    payload.removeListener('data', onData)
    payload.removeListener('end', onEnd)
    payload.removeListener('error', onError)
  }
  function refuse (error: Error): void {
    detach()
    budget.give(held)
    payload.on('error', ignore)
    payload.resume()
    done(error)
  }
  function onData (chunk: Buffer): void {
    try {
      if (held + chunk.length > bodyBytesMax) throw tooLarge(bodyBytesMax)
      budget.take(chunk.length)
    } catch (error) {
      refuse(error as Error)
      return
    }
    held += chunk.length
    if (first === null) first = chunk
    else (more ??= [first]).push(chunk)
  }
  function onEnd (): void {
    detach()
    const bytes = more !== null ? Buffer.concat(more, held) : first ?? Buffer.alloc(0)
    if (encoding === null) {
      done(null, { bytes, held })
      return
    }
    inflateBody(bytes, encoding, bodyBytesMax, (error, inflated) => {
      budget.give(held)
      if (error !== null) {
        done(error)
        return
      }
      try {
        budget.take(inflated.length)
      } catch (busy) {
        done(busy as Error)
        return
      }
      done(null, { bytes: inflated, held: inflated.length })
    })
  }
  function onError (error: Error): void {
    refuse(fail('GATEWAY_BODY_CUT', { reason: error.message }, error))
  }

  payload.on('data', onData)
  payload.on('end', onEnd)
  payload.on('error', onError)
}

function tooLarge (bodyBytesMax: number): Error {
  return fail('GATEWAY_BODY_TOO_LARGE', { bodyBytesMax, inflated: '' })
}

function ignore (): void {}
