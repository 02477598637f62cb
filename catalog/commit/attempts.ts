/**
 * What may be deleted after a commit: the answer to "can any attempt that was sent still be, or become, the table's?"
 *
 * An answer alone never says so. A proxy that repeats a POST hands on the second copy's 409 although the first copy landed; a 409 over
 * something else than `main` leaves a request that a late copy can still land. So an attempt is lost only when `main` was seen to have
 * left the snapshot that its request asserts, without our snapshot in the table. Refuses to guess: what is not lost is spared.
 */

export interface Attempt {
  /** The manifest list that this attempt alone wrote: by it the table says which attempt landed. */
  readonly list: string
  /** Files of this attempt alone, its list among them. */
  readonly files: readonly string[]
  /** `open`: it may have landed, or a copy of its request may still land. */
  fate: 'open' | 'lost'
}

/** Files of attempts that lost, once a snapshot of ours is in the table with this manifest list. */
export function filesAfterLanding(attempts: readonly Attempt[], landedList: string | undefined): string[] {
  const landed = attempts.find(({ list }) => list === landedList)
  // A list that no attempt wrote is spelled otherwise by the catalog: then it cannot be told which attempt's files are in use.
  if (landed === undefined) return []
  const others = attempts.filter(attempt => attempt !== landed)
  return isCertain(others) ? others.flatMap(({ files }) => files).filter(file => !landed.files.includes(file)) : []
}

/** Whether no attempt can be in the table, now or later: then all that was made for the batch may go. */
export function isCertain(attempts: readonly Attempt[]): boolean {
  return attempts.every(({ fate }) => fate === 'lost')
}
