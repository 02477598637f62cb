/**
 * What the statistics of a data file say about its values: whether rows of a range may be in it, and the greatest value of a column.
 *
 * A bound may be wider than the values and never narrower, so "no" is certain and "yes" is not. What is missing or cannot be read says yes.
 */
import { compareSingleValues, decodeSingleValue, encodeSingleValue, type SingleValue } from '../spec/single-value.ts'
import type { DataFile } from '../spec/data-file.ts'
import type { NestedField, Type } from '../spec/types.ts'

/** Whether a row with `from` ≤ value ≤ `to` may be in the file; null leaves that end open. A null value is in no range. */
export function mayHold(file: DataFile, field: NestedField, from: SingleValue | null, to: SingleValue | null): boolean {
  if (file.recordCount === 0n) return false
  if (from === null && to === null) return true
  if (isAllNull(file, field)) return false
  const lower = file.lowerBounds.get(field.id)
  const upper = file.upperBounds.get(field.id)
  if (lower !== undefined && to !== null && isAbove(field.type, lower, to)) return false
  return !(upper !== undefined && from !== null && isBelow(field.type, upper, from))
}

/**
 * A value that no row of the files exceeds; null when there is none, or when a file does not say. It is the greatest value itself for types
 * that are never cut (numbers, times), and may be above it for long strings.
 */
export function upperBound(files: readonly DataFile[], field: NestedField): SingleValue | null {
  let greatest: SingleValue | null = null
  for (const file of files) {
    if (file.recordCount === 0n || isAllNull(file, field)) continue
    const bytes = file.upperBounds.get(field.id)
    const value = bytes === undefined ? undefined : read(field.type, bytes)
    if (value === undefined) return null
    if (greatest === null || compareSingleValues(value, greatest) > 0) greatest = value
  }
  return greatest
}

/** Such a column has no bounds, and that says something. */
function isAllNull(file: DataFile, { id }: NestedField): boolean {
  return file.nullValueCounts.get(id) === file.recordCount && file.valueCounts.get(id) === file.recordCount
}

function isAbove(type: Type, bound: Buffer, value: SingleValue): boolean {
  return compareBound(type, bound, value) > 0
}

function isBelow(type: Type, bound: Buffer, value: SingleValue): boolean {
  return compareBound(type, bound, value) < 0
}

/** 0, which excludes nothing, when they cannot be compared. */
function compareBound(type: Type, bound: Buffer, value: SingleValue): number {
  // Text by its bytes: a bound that another writer cut inside a character is no text any more.
  if (type === 'string' || type === 'uuid') return Buffer.compare(bound, encodeSingleValue(type, value))
  const decoded = read(type, bound)
  return decoded === undefined ? 0 : compareSingleValues(decoded, value)
}

function read(type: Type, bytes: Buffer): SingleValue | undefined {
  try {
    const value = decodeSingleValue(type, bytes)
    return typeof value === 'number' && Number.isNaN(value) ? undefined : value
  } catch {
    return undefined
  }
}
