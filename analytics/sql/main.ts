// `npm run sql -- "select …"`: one reading statement over the live tables, answered as a table, CSV or JSON.
// Refuses to write. An error is one sentence on stderr and exit code 1; results alone go to stdout.

import { text } from 'node:stream/consumers'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { openLake } from '../../catalog/index.ts'
import { complain, endWithReader, exitWhenPrinted, sentenceOf } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import { readSqlConfig } from './config.ts'
import { openQueryEngine } from '../query/open.ts'
import { printCsv, printJsonRows, printTable } from './print.ts'

endWithReader()

try {
  await main()
} catch (error) {
  complain(`sql: ${sentenceOf(error)}`)
  process.exitCode = 1
}
await exitWhenPrinted()

async function main (): Promise<void> {
  const config = readSqlConfig()
  if (config.csv && config.json) throw fail('SQL_FORMAT')
  if (config.raw && !config.csv) throw fail('CSV_RAW', { how: '--csv --raw' })
  const sql = config._.length > 0 ? config._.join(' ') : process.stdin.isTTY ? '' : await text(process.stdin)
  if (sql.trim() === '') throw fail('SQL_MISSING')
  const engine = await openQueryEngine(config, () => ({ ...openLake(config, { dataDir: resolve(config.FIRN_DATA_DIR) }), catalogUrl: config.FIRN_CATALOG_URL }))
  const stop = new AbortController()
  process.once('SIGINT', () => { stop.abort() })
  const rows = await engine.query(sql, { signal: stop.signal, ...config.asOf === undefined ? {} : { asOf: config.asOf } })
  const write = async (part: string): Promise<void> => {
    // eslint-disable-next-line no-restricted-syntax -- rows for programs, or of printTable, which keeps each cell on its line
    if (!process.stdout.write(part)) await once(process.stdout, 'drain')
  }
  if (config.csv) await printCsv(rows, write, config)
  else if (config.json) await printJsonRows(rows, write)
  else await printTable(rows, write, config.rows)
}
