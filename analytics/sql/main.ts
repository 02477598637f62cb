// `npm run sql -- "select …"`: one reading statement over the live tables, answered as a table, CSV or JSON.
// Refuses to write. An error is one sentence on stderr and exit code 1; results alone go to stdout.

import { text } from 'node:stream/consumers'
import { once } from 'node:events'
import { connectCatalog, openStorage } from '../../catalog/index.ts'
import { sentenceOf } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import { readSqlConfig } from './config.ts'
import { printCsv, printJsonRows, printTable, type Rows } from './print.ts'
import { openSession } from './session.ts'
import { explainSqlError, prepareReading } from './statement.ts'

process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

try {
  await main()
} catch (error) {
  process.stderr.write(`sql: ${sentenceOf(error)}\n`)
  process.exitCode = 1
}
process.exit()

async function main (): Promise<void> {
  const config = readSqlConfig()
  if (config.csv && config.json) throw fail('SQL_FORMAT')
  const sql = config._.length > 0 ? config._.join(' ') : process.stdin.isTTY ? '' : await text(process.stdin)
  if (sql.trim() === '') throw fail('SQL_MISSING')
  const lake = {
    catalog: connectCatalog(config.FIRN_CATALOG_URL),
    catalogUrl: config.FIRN_CATALOG_URL,
    storage: openStorage(config.FIRN_WAREHOUSE_URL),
    memoryMiBMax: config.FIRN_SQL_MEMORY_MIB_MAX
  }
  const connection = await openSession(lake, sql, config.asOf)
  const prepared = await prepareReading(connection, sql)
  const result = await prepared.stream().catch((error: unknown) => { throw explainSqlError(error, sql) })
  const rows: Rows = {
    names: result.deduplicatedColumnNames(),
    types: result.columnTypes().map(String),
    chunks: (async function * () {
      try {
        for (;;) {
          const chunk = await result.fetchChunk()
          if (chunk === null || chunk.rowCount === 0) return
          yield chunk.getRows()
        }
      } catch (error) {
        throw explainSqlError(error, sql)
      }
    })()
  }
  const write = async (part: string): Promise<void> => {
    if (!process.stdout.write(part)) await once(process.stdout, 'drain')
  }
  if (config.csv) await printCsv(rows, write)
  else if (config.json) await printJsonRows(rows, write)
  else await printTable(rows, write, config.rows)
}
