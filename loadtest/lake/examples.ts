// The queries of docs/analysts.md by `npm run sql`, once in DuckDB and once in Trino: the same statement over the same table gives
// the same text.

import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Tally } from '../tally.ts'

const folder = resolve(import.meta.dirname, '../../analytics/examples')
const command = resolve(import.meta.dirname, '../../analytics/sql/main.ts')
const answerMsMax = 120_000

export interface Question { readonly name: string, readonly sql: string }

/** The statements with their holes filled for a day (2026-01-31). */
export function readExamples (day: string): Question[] {
  return readdirSync(folder).filter(file => file.endsWith('.sql')).sort().map(file => ({ name: file.slice(0, -4), sql: readFileSync(join(folder, file), 'utf8').replaceAll('{{day}}', day) }))
}

/** `settings` lead to the tables. */
export async function checkExamples (tally: Tally, settings: Readonly<Record<string, string>>, trinoUrl: string): Promise<void> {
  for (const { name, sql } of readExamples(new Date().toISOString().slice(0, 10))) {
    const here = await ask(sql, settings)
    const there = await ask(sql, { ...settings, FIRN_QUERY_URL: trinoUrl.replace(/^http:/, 'trino:') })
    const rows = here.trim().split('\n').length - 1
    tally.check(`DuckDB and Trino answer ${name} alike`, here === there && rows >= 0 && !here.startsWith('sql: '), here === there ? `${rows} rows` : `DuckDB: ${here.slice(0, 300)} Trino: ${there.slice(0, 300)}`)
  }
}

/** What `npm run sql -- --csv` prints, or its one sentence. */
export async function ask (sql: string, settings: Readonly<Record<string, string>>): Promise<string> {
  const env = { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_'))), ...settings }
  return await new Promise(resolve => {
    execFile(process.execPath, [command, '--csv', '--raw', sql], { env, timeout: answerMsMax, maxBuffer: 64 * 1024 ** 2 }, (_, stdout, stderr) => { resolve(stdout + stderr) })
  })
}
