// --from and --to: a day or a time, in UTC unless it says otherwise.

import { fail } from '../../errors.ts'

/** Throws BACKTEST_TIME. */
export function readTime (value: string | undefined, flag: string): Date | null {
  if (value === undefined) return null
  const time = new Date(/T\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(value) ? `${value}Z` : value)
  if (Number.isNaN(time.getTime()) || !/^\d{4}-\d\d-\d\d/.test(value)) throw fail('BACKTEST_TIME', { value, flag })
  return time
}
