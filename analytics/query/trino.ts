// Trino as the engine: a statement is started, then its pages are read one by one as the caller takes rows, so memory holds
// one page. Refuses statements that write. What is under way is ended in Trino when the caller gives up or stops reading.

import { quoteIdentifier } from '../../catalog/index.ts'
import { fail } from '../errors.ts'
import type { AsOf as AsOfTables, QueryEngine, QueryOptions } from './engine.ts'
import type { TableName } from './sql-tokens.ts'
import { connectTrino, type Page, type TrinoConnection, type TrinoOptions } from './trino-connection.ts'
import { readAsOf, readingStatement, withReadings, type AsOf, type SentStatement } from './trino-statement.ts'
import { readValue, typeName } from './trino-values.ts'
import { uniqueNames } from './unique-names.ts'

/** Where a table is looked for that the session's schema does not have. */
const modelsSchema = 'analytics'

export function openTrinoEngine (options: TrinoOptions): QueryEngine {
  const trino = connectTrino(options)
  return {
    async query (sql, { asOf, signal } = {}) {
      const pages = await startReading(trino, readingStatement(sql), { ...asOf === undefined ? {} : { asOf }, ...signal === undefined ? {} : { signal } })
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

/** What Trino says against a statement, in its own words. */
class Refusal extends Error {
  readonly page: NonNullable<Page['error']>

  constructor (page: NonNullable<Page['error']>) {
    super(page.message)
    this.page = page
  }
}

/** A table that is named without its schema and is none of the session's is looked for among the models, as DuckDB does. */
async function startReading (trino: TrinoConnection, statement: string, { asOf, signal }: QueryOptions): Promise<Pages> {
  const elsewhere = new Set<string>()
  let first: Error | undefined
  for (;;) {
    const sent = await pin(trino, statement, elsewhere, asOf, signal)
    const explain = (error: unknown): Error => error instanceof Refusal ? explainStatement(trino, error.page, sent, asOf) : error as Error
    try {
      const pages = await start(trino, sent.text, signal)
      return { ...pages, step: async () => await pages.step().catch((error: unknown) => { throw explain(error) }) }
    } catch (error) {
      const name = error instanceof Refusal ? missingTable(trino, error.page) : undefined
      if (name === undefined || elsewhere.has(name)) throw first ?? explain(error)
      first ??= explain(error)
      elsewhere.add(name)
    }
  }
}

/** A table of the session's schema that is not there. */
function missingTable ({ catalog, schema }: TrinoConnection, { errorName, message }: NonNullable<Page['error']>): string | undefined {
  const name = errorName === 'TABLE_NOT_FOUND' ? /Table '([^']+)' does not exist/.exec(message)?.[1] : undefined
  return name?.startsWith(`${catalog}.${schema}.`) === true ? name.slice(catalog.length + schema.length + 2) : undefined
}

/** Up to the page that names the columns. Throws Refusal. */
async function start (trino: TrinoConnection, statement: string, signal?: AbortSignal): Promise<Pages> {
  let page = await trino.start(statement)
  const end = async (): Promise<void> => { await trino.cancel(page) }
  const step = async (): Promise<boolean> => {
    if (page.error !== undefined) throw new Refusal(page.error)
    if (page.nextUri === undefined) return false
    try {
      page = await trino.next(page, signal)
    } catch (error) {
      await end()
      throw error
    }
    if (page.error !== undefined) throw new Refusal(page.error)
    return true
  }
  while (page.columns === undefined && await step());
  return { columns: () => page.columns ?? [], data: () => page.data, step, end }
}

/** The statement with its tables at a snapshot or time. A snapshot is one table's; the others are taken as they were when it was made. */
async function pin (trino: TrinoConnection, statement: string, elsewhere: ReadonlySet<string>, asOf: AsOfTables | undefined, signal?: AbortSignal): Promise<SentStatement> {
  const schemaOf = ({ parts }: TableName): { schema?: string } => parts.length === 1 && elsewhere.has(parts[0]!.toLowerCase()) ? { schema: modelsSchema } : {}
  const nameOf = (table: TableName): string => whole(trino, { parts: [...Object.values(schemaOf(table)), ...table.parts] })
  if (asOf === undefined) return withReadings(statement, table => elsewhere.size === 0 ? undefined : schemaOf(table))
  if (typeof asOf === 'object') {
    const ids = new Map(Object.entries(asOf).map(([name, id]) => [whole(trino, { parts: name.split('.') }), id]))
    return withReadings(statement, table => {
      const models = whole(trino, { parts: [modelsSchema, ...table.parts] })
      const isModel = table.parts.length === 1 && !ids.has(nameOf(table)) && ids.has(models)
      const id = ids.get(isModel ? models : nameOf(table))
      const schema = isModel ? { schema: modelsSchema } : schemaOf(table)
      if (id === undefined) return schema
      return id === null ? { ...schema, isEmpty: true } : { ...schema, at: readAsOf(id) }
    })
  }
  const at = readAsOf(asOf)
  const names = new Set<string>()
  withReadings(statement, table => { names.add(nameOf(table)); return undefined })
  if ('time' in at || names.size < 2) return withReadings(statement, table => ({ ...schemaOf(table), at }))
  for (const name of names) {
    const time = await madeAt(trino, name, at, signal)
    if (time !== undefined) return withReadings(statement, table => ({ ...schemaOf(table), at: nameOf(table) === name ? at : { time } }))
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

function explainStatement ({ server, catalog }: TrinoConnection, { message, errorName, errorType, errorLocation }: NonNullable<Page['error']>, sent: SentStatement, asOf: AsOfTables | undefined): Error {
  const reason = message.replace(/^line \d+:\d+: /, '')
  if (errorName === 'USER_CANCELED') return fail('QUERY_CANCELLED')
  if (errorName === 'SERVER_STARTING_UP') return fail('QUERY_AWAY', { url: server, reason: 'it is still starting' })
  if (errorName === 'CATALOG_NOT_FOUND' && reason.includes(`'${catalog}'`)) return fail('QUERY_NO_CATALOG', { url: server, catalog })
  if (asOf !== undefined && /snapshot id does not exist|no version history|snapshot ID does not exists/i.test(message)) return fail('SQL_NO_SUCH_SNAPSHOT', { asOf: typeof asOf === 'string' ? asOf : Object.values(asOf).join(', ') })
  if (/^EXCEEDED_\w*MEMORY_LIMIT$/.test(errorName)) return fail('QUERY_MEMORY_LIMIT', { bound: `Trino allows (query.max-memory; ${reason})` })
  if (errorType !== undefined && errorType !== 'USER_ERROR') return fail('QUERY_FAILED', { url: server, errorName, reason })
  const place = errorLocation === undefined ? undefined : sent.placeAsked({ line: errorLocation.lineNumber, column: errorLocation.columnNumber })
  return fail('SQL_INVALID', { reason, place: place === undefined ? '' : ` (line ${place.line}, column ${place.column})` })
}
