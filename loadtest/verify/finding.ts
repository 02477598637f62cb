// What the verifier found: one line per promise, kept or broken, with the first examples of what broke it.

export interface Finding {
  readonly promise: string
  readonly kept: boolean
  /** Numbers behind the verdict, in a few words. */
  readonly detail: string
  readonly examples: readonly string[]
}

export const kept = (promise: string, detail: string): Finding => ({ promise, kept: true, detail, examples: [] })
export const broken = (promise: string, detail: string, examples: readonly string[] = []): Finding => ({ promise, kept: false, detail, examples: examples.slice(0, 5) })

/** Kept when nothing speaks against it. */
export function judge (promise: string, against: bigint | number, detail: string, examples: readonly string[] = []): Finding {
  return BigInt(against) === 0n ? kept(promise, detail) : broken(promise, detail, examples)
}
