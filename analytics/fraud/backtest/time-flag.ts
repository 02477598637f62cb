// --from and --to: a day or a time, in UTC unless it says otherwise.

import { readTime as readText } from '../../../runtime/index.ts'
import { fail } from '../../errors.ts'

/** Throws BACKTEST_TIME. */
export function readTime (value: string | undefined, flag: string): Date | null {
  if (value === undefined) return null
  const time = readText(value)
  if (time === null) throw fail('BACKTEST_TIME', { value, flag })
  return time
}
