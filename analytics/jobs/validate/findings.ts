// What a model's table must be after a run, judged from facts: there, with the columns as declared, rows for the day where
// its sources have some, no key twice or empty. Pure; the sentences say what to do.

import type { Model, SourceRead } from '../../models/model-file.ts'

export interface Column { readonly name: string, readonly type: string }

export interface TableFacts {
  /** null: there is no such table. */
  readonly columns: readonly Column[] | null
  readonly rows: number
  /** Rows of the day; null where the model has no time. */
  readonly dayRows: number | null
  /** Rows that its sources have for it, of the day and in all; null: not known, so there may be some. */
  readonly sourceRows: number | null
  readonly sourceDayRows: number | null
  readonly keysTwice: number
  readonly keysEmpty: number
}

/** One sentence for each thing that is wrong. */
export function findFaults (model: Model, date: string, facts: TableFacts, mayBeEmpty: boolean): string[] {
  const table = `analytics.${model.name}`
  if (facts.columns === null) return [`${table} is not there: npm run models -- --run makes it`]
  const faults = schemaFaults(model, facts.columns).map(reason => `${table}: ${reason}`)
  if (!mayBeEmpty && facts.rows === 0 && facts.sourceRows !== 0) faults.push(`${table} has no rows`)
  else if (!mayBeEmpty && facts.rows > 0 && facts.dayRows === 0 && facts.sourceDayRows !== 0) faults.push(`${table} has no row for ${date} (of ${facts.rows})`)
  if (facts.keysTwice > 0) faults.push(`${table}: ${facts.keysTwice} values of its key (${model.key.join(', ')}) stand there more than once`)
  if (facts.keysEmpty > 0) faults.push(`${table}: ${facts.keysEmpty} rows have no ${model.key.join(', ')}`)
  return faults
}

/** What one source has for a model: rows in all, and of the day; null where it is not known. */
export interface SourceCounts { readonly rows: number | null, readonly dayRows: number | null }

/** Of all sources together. References are there whether anything is sold or not, so they do not count. */
export function countSources (model: Model, countOf: (read: SourceRead) => SourceCounts): { sourceRows: number | null, sourceDayRows: number | null } {
  const counts = model.reads.filter(({ table }) => !table.startsWith('analytics.ref_')).map(countOf)
  const total = (values: ReadonlyArray<number | null>): number | null =>
    values.length === 0 || values.includes(null) ? null : values.reduce<number>((sum, value) => sum + value!, 0)
  return { sourceRows: total(counts.map(({ rows }) => rows)), sourceDayRows: total(counts.map(({ dayRows }) => dayRows)) }
}

/** More columns than declared are no fault: an earlier version of the model had them. */
export function schemaFaults (model: Model, columns: readonly Column[]): string[] {
  return model.columns.flatMap(({ name, type }) => {
    const there = columns.find(column => column.name === name)
    if (there === undefined) return [`column ${name} is missing`]
    return plain(there.type) === plain(type) ? [] : [`column ${name} has the type ${there.type}, its file says ${type}`]
  })
}

function plain (type: string): string {
  return type.replaceAll(' ', '')
}
