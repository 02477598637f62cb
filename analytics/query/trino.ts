// Trino as the engine: a statement is started, then its pages are read one by one as the caller takes rows, so memory holds
// one page. Refuses statements that write. What is under way is ended in Trino when the caller gives up or stops reading.

import { quoteIdentifier } from '../../catalog/index.ts'
import { fail } from '../errors.ts'
import type { AsOf as AsOfTables, QueryEngine } from './engine.ts'
import type { TableName } from './sql-tokens.ts'
import { connectTrino, type Page, type TrinoConnection, type TrinoOptions } from './trino-connection.ts'
import { readAsOf, readingStatement, tablesAsOf, type AsOf } from './trino-statement.ts'
import { readValue, typeName } from './trino-values.ts'
import { uniqueNames } from './unique-names.ts'

export function openTrinoEngine (options: TrinoOptions): QueryEngine {
  const trino = connectTrino(options)
  return {
    async query (sql, { asOf, signal } = {}) {
      const statement = readingStatement(sql)
      const pages = await start(trino, asOf === undefined ? statement : await pin(trino, statement, asOf, signal), signal, asOf)
      const columns = pages.columns()
      return {
        names: uniqueNames(columns.map(({ name }) => name)),
        types: columns.map(({ typeSignature }) => typeName(typeSignature)),
        chunks: (async function * () {
          try {
            do {
              const data = pages.data()
              if (data !== undefined) yield data.map(row => row.map((value, i) => readValue(value, columns[i]!.typeSignature)))
            } while (await pages.step())
          } finally {
            await pages.end()
          }
        })()
      }
    },
    async close () {}
  }
}

interface Pages {
  columns(): NonNullable<Page['columns']>
  data(): Page['data']
  /** False after the last page. */
  step(): Promise<boolean>
  end(): Promise<void>
}

/** Up to the page that names the columns. */
async function start (trino: TrinoConnection, statement: string, signal?: AbortSignal, asOf?: AsOfTables): Promise<Pages> {
  let page = await trino.start(statement)
  const end = async (): Promise<void> => { await trino.cancel(page) }
  const step = async (): Promise<boolean> => {
    if (page.error !== undefined) throw explainStatement(trino, page.error, asOf)
    if (page.nextUri === undefined) return false
    try {
      page = await trino.next(page, signal)
    } catch (error) {
      await end()
      throw error
    }
    if (page.error !== undefined) throw explainStatement(trino, page.error, asOf)
    return true
  }
  while (page.columns === undefined && await step());
  return { columns: () => page.columns ?? [], data: () => page.data, step, end }
}

/** The statement with its tables at a snapshot or time. A snapshot is one table's; the others are taken as they were when it was made. */
async function pin (trino: TrinoConnection, statement: string, asOf: AsOfTables, signal?: AbortSignal): Promise<string> {
  if (typeof asOf === 'object') {
    const ids = new Map(Object.entries(asOf).map(([name, id]) => [whole(trino, { parts: name.split('.') }), readAsOf(id)]))
    return tablesAsOf(statement, table => ids.get(whole(trino, table)))
  }
  const at = readAsOf(asOf)
  const names = new Map<string, TableName>()
  tablesAsOf(statement, table => { names.set(whole(trino, table), table); return at })
  if ('time' in at || names.size < 2) return tablesAsOf(statement, () => at)
  for (const name of names.keys()) {
    const time = await madeAt(trino, name, at, signal)
    if (time !== undefined) return tablesAsOf(statement, table => whole(trino, table) === name ? at : { time })
  }
  throw fail('SQL_NO_SUCH_SNAPSHOT', { asOf })
}

async function madeAt (trino: TrinoConnection, name: string, { snapshotId }: Extract<AsOf, { snapshotId: string }>, signal?: AbortSignal): Promise<Date | undefined> {
  const [catalog, schema, table] = name.split('\0').map(part => quoteIdentifier(part)) as [string, string, string]
  const pages = await start(trino, `SELECT cast(to_unixtime(committed_at) * 1000 AS bigint) FROM ${catalog}.${schema}.${table.slice(0, -1)}$snapshots" WHERE snapshot_id = ${snapshotId}`, signal)
  let time: Date | undefined
  do time ??= pages.data()?.map(([ms]) => new Date(Number(ms)))[0]
  while (await pages.step())
  return time
}

/** Catalog, schema and table, as one key. */
function whole ({ catalog, schema }: TrinoConnection, { parts }: Pick<TableName, 'parts'>): string {
  return [catalog, schema].slice(0, 3 - parts.length).concat(parts).map(part => part.toLowerCase()).join('\0')
}

function explainStatement ({ server, catalog }: TrinoConnection, { message, errorName, errorType, errorLocation }: NonNullable<Page['error']>, asOf: AsOfTables | undefined): Error {
  const reason = message.replace(/^line \d+:\d+: /, '')
  if (errorName === 'USER_CANCELED') return fail('QUERY_CANCELLED')
  if (errorName === 'SERVER_STARTING_UP') return fail('QUERY_AWAY', { url: server, reason: 'it is still starting' })
  if (errorName === 'CATALOG_NOT_FOUND' && reason.includes(`'${catalog}'`)) return fail('QUERY_NO_CATALOG', { url: server, catalog })
  if (asOf !== undefined && /snapshot id does not exist|no version history|snapshot ID does not exists/i.test(message)) return fail('SQL_NO_SUCH_SNAPSHOT', { asOf: typeof asOf === 'string' ? asOf : Object.values(asOf).join(', ') })
  if (errorType !== undefined && errorType !== 'USER_ERROR') return fail('QUERY_FAILED', { url: server, errorName, reason })
  return fail('SQL_INVALID', { reason, place: errorLocation === undefined ? '' : ` (line ${errorLocation.lineNumber}, column ${errorLocation.columnNumber})` })
}
