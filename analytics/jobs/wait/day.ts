// Is a day complete in firn.events? A pure answer from what the table holds. A day counts as complete when something arrived
// after its end and the lateness that the models allow, or when the log was drained after that and holds nothing else.
// A day that is not over is taken as it is, and the answer says so.

/** As the models' lateness: after it, results count as final. */
export const lateMsMax = 10 * 60_000
const dayMs = 86_400_000

export interface DayFacts {
  readonly date: string
  readonly now: Date
  /** Events of that day in the table. */
  readonly rows: number
  /** When the newest event of that day or a later one arrived. */
  readonly watermark: Date | null
  /** The log was drained to its end. */
  readonly drained: boolean
  /** How long one would still wait. */
  readonly waitMsLeft: number
}

export type DayAnswer = { readonly complete: true, readonly note: string } | { readonly complete: false, readonly reason: string }

export function judgeDay ({ date, now, rows, watermark, drained, waitMsLeft }: DayFacts): DayAnswer {
  const finalMs = finalMsOf(date)
  const open = isOpen(date, now)
  if (rows === 0) return { complete: false, reason: `firn.events has no event of that day${watermark === null ? '' : ` (the newest event arrived at ${watermark.toISOString()})`}: check that senders reach the gateway and that the writer runs` }
  if (!open && watermark !== null && watermark.getTime() >= finalMs) return { complete: true, note: `${rows} events; the watermark ${watermark.toISOString()} has passed the day` }
  if (!open && drained) return { complete: true, note: `${rows} events; the log was drained and nothing arrived after ${watermark?.toISOString()}` }
  if (open && now.getTime() + waitMsLeft < finalMs) return { complete: true, note: `${rows} events until now; the day is not over before ${new Date(finalMs).toISOString()}, a later run completes it` }
  if (open) return { complete: false, reason: `the day is final at ${new Date(finalMs).toISOString()} only` }
  return { complete: false, reason: `the newest event arrived at ${watermark?.toISOString()}, before the day was over: check that the writer runs and that its lag is 0` }
}

/** A day's events may still come in. */
export function isOpen (date: string, now: Date): boolean {
  return now.getTime() < finalMsOf(date)
}

function finalMsOf (date: string): number {
  return Date.parse(date) + dayMs + lateMsMax
}
