// Hours and days as ranges of microseconds: which are dirty, which must be read for them, and the condition in SQL that says
// so. Every range begins and ends where a unit does, the end excluded; lists are sorted and their ranges do not touch. Pure.

export interface TimeRange { readonly fromUs: bigint, readonly toUs: bigint }

export const unitUs = { hour: 3_600_000_000n, day: 86_400_000_000n } as const
/** The end of time, for "from this day on". */
export const endOfTimeUs = 253_402_214_400_000_000n
/** More ranges than these become a list of units in SQL. */
const rangesInSqlMax = 48
/** Beyond so many units in pieces a whole recompute is cheaper. */
export const unitsInPiecesMax = 20_000n

export function floorTo (us: bigint, unit: bigint): bigint {
  return us - ((us % unit) + unit) % unit
}

/** The units in which these times lie. */
export function rangesOfUnits (times: Iterable<bigint>, unit: bigint): TimeRange[] {
  return mergeRanges(Array.from(times, us => rangeOver(us, us, unit)))
}

/** Every unit from the one of `first` to the one of `last`. */
export function rangeOver (first: bigint, last: bigint, unit: bigint): TimeRange {
  return { fromUs: floorTo(first, unit), toUs: floorTo(last, unit) + unit }
}

export function mergeRanges (ranges: readonly TimeRange[]): TimeRange[] {
  const merged: { fromUs: bigint, toUs: bigint }[] = []
  for (const { fromUs, toUs } of ranges.toSorted((a, b) => a.fromUs < b.fromUs ? -1 : a.fromUs > b.fromUs ? 1 : 0)) {
    const last = merged.at(-1)
    if (last !== undefined && fromUs <= last.toUs) last.toUs = toUs > last.toUs ? toUs : last.toUs
    else merged.push({ fromUs, toUs })
  }
  return merged
}

/** The units that look at these: a row at t is seen by rows up to `beforeUs` later. */
export function widenForward (ranges: readonly TimeRange[], beforeUs: bigint, unit: bigint): TimeRange[] {
  return mergeRanges(ranges.map(({ fromUs, toUs }) => ({ fromUs, toUs: floorTo(toUs - 1n + beforeUs, unit) + unit })))
}

/** What these units look at. */
export function widenBack (ranges: readonly TimeRange[], beforeUs: bigint): TimeRange[] {
  return mergeRanges(ranges.map(({ fromUs, toUs }) => ({ fromUs: fromUs - beforeUs, toUs })))
}

export function countUnits (ranges: readonly TimeRange[], unit: bigint): bigint {
  return ranges.reduce((sum, { fromUs, toUs }) => sum + (toUs - fromUs) / unit, 0n)
}

/** The start of the unit that a time or date lies in, in microseconds since 1970, as DuckDB says it. */
export function unitSql (column: string, unit: bigint): string {
  const us = `epoch_us(cast(${column} as timestamptz))`
  return `(${us} - ((${us} % ${unit}) + ${unit}) % ${unit})`
}

export type Dialect = 'duckdb' | 'trino'

/** Whether a column lies in the ranges. Null does not. `unit` divides every bound unless there are few ranges. */
export function rangesSql (column: string, isDate: boolean, ranges: readonly TimeRange[], unit: bigint, dialect: Dialect = 'duckdb'): string {
  if (ranges.length === 0) return 'false'
  const within = ({ fromUs, toUs }: TimeRange): string => `(${column} >= ${literal(fromUs, isDate, dialect)} and ${column} < ${literal(toUs, isDate, dialect)})`
  if (ranges.length <= rangesInSqlMax || dialect === 'trino') return `(${ranges.map(within).join(' or ')})`
  const units: bigint[] = []
  for (const { fromUs, toUs } of ranges) for (let us = floorTo(fromUs, unit); us < toUs; us += unit) units.push(us)
  return `(${within({ fromUs: ranges[0]!.fromUs, toUs: ranges.at(-1)!.toUs })} and ${unitSql(column, unit)} in (select unnest([${units.join(', ')}]::bigint[])))`
}

function literal (us: bigint, isDate: boolean, dialect: Dialect): string {
  if (isDate) return `date '${new Date(Number(ceilDivide(us, unitUs.day)) * 86_400_000).toISOString().slice(0, 10)}'`
  if (dialect === 'duckdb') return `make_timestamptz(${us})`
  const [seconds, fraction] = [floorTo(us, 1_000_000n) / 1_000_000n, us - floorTo(us, 1_000_000n)]
  return `timestamp '${new Date(Number(seconds) * 1000).toISOString().slice(0, 19).replace('T', ' ')}.${String(fraction).padStart(6, '0')} UTC'`
}

function ceilDivide (us: bigint, by: bigint): bigint {
  return (floorTo(us + by - 1n, by)) / by
}
