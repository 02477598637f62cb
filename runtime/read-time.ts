// A day or a time as people type it into flags, parameters and files: `2026-01-31`, `2026-01-31 12:00`, `2026-01-31t12:00:00.5z`,
// in UTC unless it says otherwise. Refuses what no calendar and no clock has (30 February, 24:00, a second 60), which
// `Date` would carry over into the next day without a word.

const shape = /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(?:[Zz]|([+-])(\d\d):?(\d\d))?$/

/** To the millisecond, what lies beyond it is cut; null: it is no time. */
export function readTime (text: string): Date | null {
  const match = shape.exec(text)
  if (match === null) return null
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map(part => Number(match[part] ?? 0)) as [number, number, number, number, number, number]
  const [, , , , , , , fraction = '', sign, offsetHours = '0', offsetMinutes = '0'] = match
  if (hour > 23 || minute > 59 || second > 59 || Number(offsetHours) > 23 || Number(offsetMinutes) > 59) return null
  const local = new Date(0)
  local.setUTCFullYear(year, month - 1, day)
  if (local.getUTCMonth() !== month - 1 || local.getUTCDate() !== day) return null
  local.setUTCHours(hour, minute, second, Number(fraction.slice(0, 3).padEnd(3, '0')))
  const offsetMs = (Number(offsetHours) * 60 + Number(offsetMinutes)) * 60_000 * (sign === '-' ? -1 : 1)
  return new Date(local.getTime() - offsetMs)
}
