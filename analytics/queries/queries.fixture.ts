// For tests: the saved questions, and the tables that they ask as statements, empty or with rows, in either engine's words.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Test } from 'tap'
import { readModels } from '../models/catalogue.ts'
import { printInOrder, valuesOf, type Row } from '../models/model-test.ts'
import type { Dialect } from '../models/render.ts'
import { sourceColumns, type SourceColumn } from '../models/source-columns.ts'
import { unoptimized } from '../query/optimizers.fixture.ts'
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

/** One question with its answer, told to whoever wants to ask another engine the same. `rows` are DuckDB's, in order. */
export interface AskedQuestion { readonly t: Test, readonly query: SavedQuery, readonly rows: readonly string[], readonly sql: (dialect: Dialect) => string }
type Listener = (asked: AskedQuestion) => Promise<void>
let listener: Listener | undefined

/** From now on called with every question that is asked in this process. */
export function onQuestionAsked (listen: Listener): void {
  listener = listen
}

/** What DuckDB answers over these rows; DuckDB's optimizers must not change it, nor its order. */
export async function askSaved (t: Test, connection: DuckDBConnection, name: string, values: Readonly<Record<string, string>>, rows: Readonly<Record<string, readonly Row[]>>): Promise<unknown[]> {
  const query = (await readQueries()).find(query => query.name === name)!
  const columns = await readColumns()
  const sql = (dialect: Dialect): string => statementOf(query, columns, dialect, values, rows)
  const run = async (): Promise<Awaited<ReturnType<typeof connection.runAndReadAll>>> => await connection.runAndReadAll(sql('duckdb'))
  const answer = await run()
  const printed = printInOrder(answer.getRows())
  t.strictSame(await unoptimized(connection, async () => printInOrder((await run()).getRows())), printed, `${name}: the same answer without optimizers`)
  await listener?.({ t, query, rows: printed, sql })
  return answer.getRowObjectsJson()
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
