// What the verifier found: one line per promise, kept, broken, or no longer to be shown, with the first examples.

export interface Finding {
  readonly promise: string
  /** False when something speaks against it. */
  readonly kept: boolean
  /** Nothing speaks against it, and what would show it is gone: this must not be read as proven. */
  readonly unproven?: boolean
  /** Numbers behind the verdict, in a few words. */
  readonly detail: string
  readonly examples: readonly string[]
}

export const kept = (promise: string, detail: string): Finding => ({ promise, kept: true, detail, examples: [] })
export const broken = (promise: string, detail: string, examples: readonly string[] = []): Finding => ({ promise, kept: false, detail, examples: examples.slice(0, 5) })
export const unproven = (promise: string, detail: string, examples: readonly string[] = []): Finding => ({ promise, kept: true, unproven: true, detail, examples: examples.slice(0, 5) })

/** Kept when nothing speaks against it. */
export function judge (promise: string, against: bigint | number, detail: string, examples: readonly string[] = []): Finding {
  return BigInt(against) === 0n ? kept(promise, detail) : broken(promise, detail, examples)
}
