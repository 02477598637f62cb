/**
 * Why a change to table or view metadata is refused. `conflict`: somebody else was faster, the sender may load again and retry.
 * `invalid`: the change is wrong whatever the base is.
 */
export class ChangeRefused extends Error {
  readonly kind: 'conflict' | 'invalid'

  constructor(kind: 'conflict' | 'invalid', reason: string) {
    super(reason)
    this.name = 'ChangeRefused'
    this.kind = kind
  }
}

/** Throws `invalid` with the reason unless the condition holds. */
export function demand(condition: unknown, reason: () => string): asserts condition {
  if (!condition) throw new ChangeRefused('invalid', reason())
}
