// The bodies that are still arriving, and which of them has to go. A body holds its room from the first byte on, so one that
// never ends would hold it for ever: one that brings too little, look after look, is dropped; and where a request finds no
// room, the body that has held the most for the longest gives way, if it is old enough to be a suspect at all.
// Refuses nothing itself: it tells the body's reader to.

import type { Budget } from './budget.ts'
import { fail } from './errors.ts'

export interface UnfinishedBody {
  /** What it holds of the budget. */
  readonly held: number
  readonly arrivedBytes: number
  readonly beganMs: number
  /** Gives its room back and answers its request. */
  drop(error: Error): void
}

export const lookEveryMs = 5000
/** A phone that loses its network in a tunnel or a lift goes on within this many looks. */
export const slowLooksMax = 4
/** A younger body never gives way: what arrives at a usual speed is complete before that. */
export const giveWayMsMin = 2000

/** The body that gives way to another: the largest product of room and time, among those that had their time. */
export function chooseToGiveWay (bodies: Iterable<UnfinishedBody>, nowMs: number): UnfinishedBody | null {
  let [chosen, most]: [UnfinishedBody | null, number] = [null, 0]
  for (const body of bodies) {
    const ageMs = nowMs - body.beganMs
    if (ageMs < giveWayMsMin || body.held * ageMs <= most) continue
    chosen = body
    most = body.held * ageMs
  }
  return chosen
}

export class UnfinishedBodies {
  readonly #bytesPerLookMin: number
  readonly #nowMs: () => number
  readonly #bodies = new Set<UnfinishedBody>()
  readonly #looks = new Map<UnfinishedBody, { arrivedBytes: number, slowLooks: number }>()
  #timer: NodeJS.Timeout | null = null
  /** Until then no body is old enough: a flood of requests does not search for one each time. */
  #noneBeforeMs = 0
  #dropped = 0

  constructor (bytesPerSecondMin: number, nowMs: () => number) {
    this.#bytesPerLookMin = bytesPerSecondMin * lookEveryMs / 1000
    this.#nowMs = nowMs
  }

  get dropped (): number {
    return this.#dropped
  }

  get nowMs (): number {
    return this.#nowMs()
  }

  add (body: UnfinishedBody): void {
    this.#bodies.add(body)
    this.#timer ??= setInterval(() => { this.look() }, lookEveryMs).unref()
  }

  remove (body: UnfinishedBody): void {
    this.#bodies.delete(body)
  }

  /** Drops other bodies than the one that asks until there is room for so much, as far as that helps. */
  makeRoom (budget: Budget, bytes: number, asking: UnfinishedBody): void {
    const nowMs = this.#nowMs()
    while (!budget.hasRoom(bytes) && nowMs >= this.#noneBeforeMs) {
      const body = chooseToGiveWay(this.#bodies, nowMs)
      if (body === null || body === asking) this.#noneBeforeMs = nowMs + giveWayMsMin / 20
      else this.#drop(body, fail('GATEWAY_BODY_GAVE_WAY', { seconds: Math.round((nowMs - body.beganMs) / 1000) }))
    }
  }

  /** Once over all bodies; the timer does it every `lookEveryMs`. */
  look (): void {
    for (const body of this.#looks.keys()) if (!this.#bodies.has(body)) this.#looks.delete(body)
    for (const body of this.#bodies) {
      const before = this.#looks.get(body)
      const isSlow = before !== undefined && body.arrivedBytes - before.arrivedBytes < this.#bytesPerLookMin
      const slowLooks = isSlow ? before.slowLooks + 1 : 0
      this.#looks.set(body, { arrivedBytes: body.arrivedBytes, slowLooks })
      if (slowLooks >= slowLooksMax) this.#drop(body, fail('GATEWAY_BODY_SLOW', { seconds: slowLooks * lookEveryMs / 1000 }))
    }
    if (this.#bodies.size > 0 || this.#timer === null) return
    clearInterval(this.#timer)
    this.#timer = null
  }

  #drop (body: UnfinishedBody, error: Error): void {
    this.#dropped++
    this.#bodies.delete(body)
    body.drop(error)
  }
}
