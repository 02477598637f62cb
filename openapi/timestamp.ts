// RFC 3339 read from its bytes: `YYYY-MM-DDTHH:MM:SS[.1–9 digits](Z|±HH:MM)`, T and Z in either case, as the RFC has it.
// Refuses dates that no calendar has, hour 24, second 60, and instants outside the years 1–9999 in UTC.
// Returns milliseconds since 1970 with the microseconds as fraction (digits beyond them are cut), or NaN.

export const timestampRule = 'an RFC 3339 time with offset such as 2025-03-14T09:26:53.589Z (1–9 fraction digits, no second 60)'

/** The bit by which an ASCII letter's two cases differ. */
const lowerCase = 0x20
const firstSecond = -62_135_596_800 // 0001-01-01T00:00:00Z
const lastSecond = 253_402_300_800 // 10000-01-01T00:00:00Z, excluded

export function readTimestamp (bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 20) return NaN
  const year = two(bytes, start) * 100 + two(bytes, start + 2)
  const month = two(bytes, start + 5)
  const day = two(bytes, start + 8)
  const hour = two(bytes, start + 11)
  const minute = two(bytes, start + 14)
  const second = two(bytes, start + 17)
  if (!(year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month))) return NaN
  if (!(hour <= 23 && minute <= 59 && second <= 59)) return NaN
  if (bytes[start + 4] !== 0x2d || bytes[start + 7] !== 0x2d || (bytes[start + 10]! & ~lowerCase) !== 0x54) return NaN
  if (bytes[start + 13] !== 0x3a || bytes[start + 16] !== 0x3a) return NaN

  let at = start + 19
  let micros = 0
  if (bytes[at] === 0x2e) {
    const first = ++at
    let unit = 100_000
    while (at < end && isDigit(bytes[at]!)) {
      if (unit >= 1) micros += (bytes[at]! - 0x30) * unit
      unit = unit >= 10 ? unit / 10 : 0
      at++
    }
    if (at === first || at - first > 9) return NaN
  }

  let offsetMinutes = 0
  if ((bytes[at]! & ~lowerCase) === 0x5a && at + 1 === end) {
    offsetMinutes = 0
  } else if ((bytes[at] === 0x2b || bytes[at] === 0x2d) && at + 6 === end && bytes[at + 3] === 0x3a) {
    const hours = two(bytes, at + 1)
    const minutes = two(bytes, at + 4)
    if (!(hours <= 23 && minutes <= 59)) return NaN
    offsetMinutes = (bytes[at] === 0x2d ? -1 : 1) * (hours * 60 + minutes)
  } else return NaN

  const seconds = daysBefore(day, month, year) * 86_400 + (hour * 60 + minute - offsetMinutes) * 60 + second
  return seconds >= firstSecond && seconds < lastSecond ? seconds * 1000 + micros / 1000 : NaN
}

/** Whether milliseconds since 1970 lie in the years that can be read and printed; NaN does not. */
export function isTimestamp (ms: number): boolean {
  return ms >= firstSecond * 1000 && ms < lastSecond * 1000
}

/** The text of an instant, to the microsecond. */
export function printTimestamp (ms: number): string {
  const micros = Math.round(ms * 1000)
  const second = Math.floor(micros / 1_000_000)
  return `${new Date(second * 1000).toISOString().slice(0, -4)}${String(micros - second * 1_000_000).padStart(6, '0')}Z`
}

function isDigit (byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

/** Two digits as a number, NaN when they are none: comparisons with NaN are false, so the caller refuses. */
function two (bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - 0x30
  const ones = bytes[at + 1]! - 0x30
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NaN
}

function daysIn (year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** Days from 1970-01-01 (the days_from_civil of Howard Hinnant's "chrono-compatible low-level date algorithms"). */
function daysBefore (day: number, month: number, year: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}
