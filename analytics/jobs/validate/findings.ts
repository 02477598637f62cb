// What a model's table must be after a run, judged from facts: there, with the columns as declared, rows for the day where
// its sources have some, no key twice or empty. Pure; the sentences say what to do.

import type { Model } from '../../models/model-file.ts'

export interface Column { readonly name: string, readonly type: string }

export interface TableFacts {
  /** null: there is no such table. */
  readonly columns: readonly Column[] | null
  readonly rows: number
  /** Rows of the day; null where the model has no time. */
  readonly dayRows: number | null
  /** Rows of its sources from which rows of it come, in all and of the day (of a model by keys, how many of its keys they name); null: not known, so there may be some. */
  readonly sourceRows: number | null
  readonly sourceDayRows: number | null
  /** How many of these keys it has; null: it is not one by keys. */
  readonly dayKeys: number | null
  readonly keysTwice: number
  readonly keysEmpty: number
}

/** One sentence for each thing that is wrong. */
export function findFaults (model: Model, date: string, facts: TableFacts, mayBeEmpty: boolean): string[] {
  const table = `analytics.${model.name}`
  if (facts.columns === null) return [`${table} is not there: npm run models -- --run makes it`]
  const faults = schemaFaults(model, facts.columns).map(reason => `${table}: ${reason}`)
  if (!mayBeEmpty && facts.rows === 0 && facts.sourceRows !== 0) faults.push(`${table} has no rows${facts.sourceRows === null ? '' : `, though its sources have ${facts.sourceRows} for it`}`)
  else if (!mayBeEmpty && facts.rows > 0 && facts.sourceDayRows !== 0) faults.push(...dayFaults(model, date, facts))
  if (facts.keysTwice > 0) faults.push(`${table}: ${facts.keysTwice} values of its key (${model.key.join(', ')}) stand there more than once`)
  if (facts.keysEmpty > 0) faults.push(`${table}: ${facts.keysEmpty} rows have no ${model.key.join(', ')}`)
  return faults
}

function dayFaults ({ name, unit }: Model, date: string, { rows, dayRows, dayKeys, sourceDayRows }: TableFacts): string[] {
  if (unit.kind === 'key' && dayKeys !== null) return dayKeys === 0 ? [`analytics.${name} has no row for any of ${sourceDayRows} values of ${unit.column} of ${date} (of ${rows})`] : []
  return dayRows === 0 ? [`analytics.${name} has no row for ${date} (of ${rows})`] : []
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
