// For tests: the saved questions, and the tables that they ask as statements, empty or with rows, in either engine's words.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readModels } from '../models/catalogue.ts'
import { valuesOf, type Row } from '../models/model-test.ts'
import type { Dialect } from '../models/render.ts'
import { sourceColumns, type SourceColumn } from '../models/source-columns.ts'
import { tablesRead, tokensOf } from '../query/sql-tokens.ts'
import { literalOf } from '../service/saved/parameter.ts'
import { fillSaved, parseSaved, type SavedQuery } from '../service/saved/saved-file.ts'

const folder = import.meta.dirname
/** A value of each type that a parameter has here. */
const samples: Readonly<Record<string, string>> = { date: '2026-03-01', string: "it's one", long: '3' }

export async function readQueries (): Promise<SavedQuery[]> {
  const files = (await readdir(folder)).filter(name => name.endsWith('.sql')).sort()
  return await Promise.all(files.map(async name => parseSaved(name.slice(0, -4), await readFile(join(folder, name), 'utf8'))))
}

/** Every table there is, with its columns. */
export async function readColumns (): Promise<Map<string, readonly SourceColumn[]>> {
  return await sourceColumns(await readModels())
}

/** The statement with values in its holes and, for each table, its rows. */
export function statementOf (query: SavedQuery, columns: ReadonlyMap<string, readonly SourceColumn[]>, dialect: Dialect, values: Readonly<Record<string, string>> = {}, rows: Readonly<Record<string, readonly Row[]>> = {}): string {
  const sql = fillSaved(query, new Map(query.parameters.map(parameter => [parameter.name, literalOf(query.name, parameter, values[parameter.name] ?? samples[parameter.type])])))
  let [text, end] = ['', 0]
  for (const { parts, start, end: after } of tablesRead(tokensOf(sql))) {
    const table = parts.join('.')
    if (!columns.has(table)) throw new Error(`${query.name} reads ${table}, which is not there`)
    text += sql.slice(end, start) + `(select * from ${valuesOf(columns.get(table)!, rows[table] ?? [], dialect)})`
    end = after
  }
  return text + sql.slice(end)
}
