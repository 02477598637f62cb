// Which hours of history a model is judged by and never learns from: whole hours, so that a run of orders is not on both sides.
// The same seed chooses the same hours. Pure.

import { createHash } from 'node:crypto'

/** `hour`: any text that names it. */
export function isHeldOut (hour: string, seed: number, share: number): boolean {
  return createHash('sha256').update(`${seed} ${hour}`).digest().readUInt32BE(0) / 2 ** 32 < share
}
