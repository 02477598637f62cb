// Dirty units as a condition on the model's own columns, and as files that can hold them.

import { mayHold, quoteIdentifier, type LiveFile, type SingleValue } from '../../catalog/index.ts'
import type { Model } from '../models/model-file.ts'
import type { Session } from './database.ts'
import type { Dirty } from './find-dirty.ts'
import type { PinnedTable } from './pinned-tables.ts'
import { fieldOf } from './source-columns.ts'
import { rangesSql, unitUs, widenBack } from './time-ranges.ts'

/** The column that says which unit a row is of. */
export function unitColumn (model: Model): string {
  return model.unit.kind === 'key' ? model.unit.column : model.time!
}

/** Whether a row of the model lies in a dirty unit. */
export function inUnits (model: Model, dirty: Dirty): string {
  if (model.unit.kind === 'full') return 'true'
  const column = unitColumn(model)
  if (dirty.kind === 'keys') return `${quoteIdentifier(column)} in (select key from dirty_keys)`
  if (dirty.kind === 'time') return rangesSql(quoteIdentifier(column), typeOf(model, column) === 'date', dirty.ranges, unitUs[model.unit.kind as 'hour' | 'day'])
  return `${quoteIdentifier(column)} is not null`
}

/** Files that can hold rows of the units, by the bounds of the column that says so. */
export async function pruneFiles (session: Session, model: Model, { table }: PinnedTable, column: string, files: readonly LiveFile[], dirty: Dirty, beforeUs = 0n): Promise<LiveFile[]> {
  const field = fieldOf(model, table, column)
  if (dirty.kind === 'time' && field.type === 'timestamptz') {
    const ranges = widenBack(dirty.ranges, beforeUs)
    return files.filter(file => ranges.some(({ fromUs, toUs }) => mayHold(file, field, fromUs, toUs - 1n)))
  }
  if (dirty.kind === 'keys' && ['string', 'long', 'int'].includes(String(field.type)) && field.type === typeOf(model, unitColumn(model))) {
    const [row] = await session.rows('select min(key), max(key) from dirty_keys')
    const bound = (value: unknown): SingleValue | null => value === null || value === undefined ? null : value as SingleValue
    return files.filter(file => mayHold(file, field, bound(row?.[0]), bound(row?.[1])))
  }
  return [...files]
}

export function typeOf (model: Model, column: string): string {
  return model.columns.find(({ name }) => name === column)!.type
}
