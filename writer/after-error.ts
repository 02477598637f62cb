// What the writer does after an error of a session, as a value: it ends, it stands still, or it starts over from the
// table. Pure: a function from the error and its circumstances, with a test per row. Recovery itself is always the same.

const backoffMsMin = 500
const backoffMsMax = 5_000
const fencedMs = 10
/** A drain that cannot get anywhere ends; a service goes on trying. */
const drainAttemptsMax = 8
/** Batches are made smaller than the settings by at most this. */
export const squeezeMax = 256

export interface Trouble {
  /** As the error says it; empty for what is no error of ours. */
  readonly code: string
  readonly isRetryable: boolean
  /** Attempts in a row that landed nothing, this one included. */
  readonly attempt: number
  /** `--until-end`: a drain is waited for, so it says what is wrong and ends. */
  readonly isDrain: boolean
  readonly squeeze: number
}

export type Recovery =
  | { readonly kind: 'end' }
  /** Said once, until it changes; looked at again after a while. */
  | { readonly kind: 'halt' }
  /** `isSmaller`: with batches of half the size. */
  | { readonly kind: 'again', readonly waitMs: number, readonly isSmaller: boolean }

export function recoverFrom ({ code, isRetryable, attempt, isDrain, squeeze }: Trouble): Recovery {
  const isHalt = code === 'WRITER_HALTED' || code === 'WRITER_TABLE_HALTED'
  if (isHalt) return { kind: isDrain ? 'end' : 'halt' }
  // A service that ended would be started again only to meet the same refusal: it says why and waits until it is mended.
  if (!isRetryable && (isDrain || !isOfOthers(code))) return { kind: 'end' }
  if (isDrain && attempt >= drainAttemptsMax) return { kind: 'end' }
  const isSmaller = ['WRITER_MEMORY_SHORT', 'WRITER_PARTITIONS_MANY', 'WRITER_BATCH_BROKEN'].includes(code)
  if (isSmaller && squeeze >= squeezeMax) return { kind: 'end' }
  const waitMs = code === 'WRITER_FENCED' || code === 'WRITER_TABLE_CHANGED' ? fencedMs * attempt : Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(attempt - 1, 10))
  return { kind: 'again', waitMs, isSmaller }
}

/** After errors of the writer's own, the reader of the log is sound. */
export function isOfWriter (code: string): boolean {
  return code.startsWith('WRITER_')
}

/** A part around us refuses (rights, credentials, a missing bucket): nothing of ours is wrong. */
function isOfOthers (code: string): boolean {
  return /^(CATALOG|STORAGE)_/.test(code)
}
