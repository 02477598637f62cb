// Trino as the engine, by trino-client: it holds address, login and session; the pages are read here, because its own reading
// rounds integers. Refuses statements that write. What is under way is cancelled when the caller gives up.

import { readFileSync } from 'node:fs'
import { BasicAuth, Trino, type ConnectionOptions } from 'trino-client'
import { fail } from '../errors.ts'
import type { QueryEngine } from './engine.ts'
import { parseExactly, readValue, typeName, type TypeSignature } from './trino-values.ts'

export interface TrinoOptions {
  /** trino://[user@]host:port[/catalog[/schema]], or trino+https://… */
  readonly url: string
  readonly password?: string
  readonly caFile?: string
}

interface Requests { request(request: { method: string, url: string, data?: string, transformResponse: ((text: string) => unknown)[] }): Promise<unknown> }

const catalogDefault = 'lake'
const schemaDefault = 'firn'
const userDefault = 'firn'
const reading = /^(select|with|values|table|show|describe|desc|explain)\b/i

interface Page {
  readonly id: string
  readonly nextUri?: string
  readonly columns?: readonly { readonly name: string, readonly typeSignature: TypeSignature }[]
  readonly data?: readonly (readonly unknown[])[]
  readonly error?: { readonly message: string, readonly errorName: string, readonly errorLocation?: { readonly lineNumber: number, readonly columnNumber: number } }
}

export function openTrinoEngine (options: TrinoOptions): QueryEngine {
  const { server, connection } = connectionOf(options)
  // Its own reading of pages rounds integers beyond 2^53; the requests below it do not.
  const { client } = Trino.create(connection) as unknown as { client: Requests }
  const send = async (method: 'GET' | 'POST' | 'DELETE', url: string, data?: string): Promise<Page> => {
    try {
      const page = await client.request({ method, url, transformResponse: [(text: string) => text === '' ? {} : parseExactly(text)], ...data === undefined ? {} : { data } })
      return page as Page
    } catch (error) {
      throw explainRequest(server, error)
    }
  }
  return {
    async query (sql, { asOf, signal } = {}) {
      const statement = readingStatement(sql)
      let page = await send('POST', `${server}/v1/statement`, asOf === undefined ? statement : asOfTables(statement, asOf))
      const step = async (): Promise<boolean> => {
        if (page.error !== undefined) throw explainStatement(page.error, asOf)
        if (page.nextUri === undefined) return false
        if (signal?.aborted === true) {
          await send('DELETE', page.nextUri).catch(() => undefined)
          throw fail('QUERY_CANCELLED')
        }
        page = await send('GET', page.nextUri)
        if (page.error !== undefined) throw explainStatement(page.error, asOf)
        return true
      }
      while (page.columns === undefined && await step());
      const columns = page.columns ?? []
      return {
        names: columns.map(({ name }) => name),
        types: columns.map(({ typeSignature }) => typeName(typeSignature)),
        chunks: (async function * () {
          do {
            if (page.data !== undefined) yield page.data.map(row => row.map((value, i) => readValue(value, columns[i]!.typeSignature)))
          } while (await step())
        })()
      }
    },
    async close () {}
  }
}

/** Throws SQL_MISSING or SQL_READ_ONLY. */
export function readingStatement (sql: string): string {
  const bare = sql.replaceAll(/--[^\n]*|\/\*[\s\S]*?\*\//g, ' ').trim().replace(/^\(+\s*/, '')
  if (bare.replaceAll(';', '').trim() === '') throw fail('SQL_MISSING')
  const asked = bare.replace(/^explain\s+(analyze\s+)?(verbose\s+)?(\([^)]*\)\s*)?/i, '')
  if (!reading.test(asked)) throw fail('SQL_READ_ONLY', { kind: (/^\w+/.exec(asked)?.[0] ?? 'writing').toUpperCase() })
  // Trino takes no semicolon at the end.
  return sql.trim().replace(/;\s*$/, '')
}

/** Every table after FROM or JOIN as it was at that snapshot or time. */
export function asOfTables (sql: string, asOf: string): string {
  const time = new Date(/T\d|\d \d/.test(asOf) && !/(Z|[+-]\d\d:?\d\d)$/i.test(asOf) ? `${asOf}Z` : asOf)
  if (!/^\d+$/.test(asOf) && Number.isNaN(time.getTime())) throw fail('SQL_NO_SUCH_SNAPSHOT', { asOf })
  const at = /^\d+$/.test(asOf) ? `FOR VERSION AS OF ${asOf}` : `FOR TIMESTAMP AS OF TIMESTAMP '${time.toISOString().replace('T', ' ').replace('Z', ' UTC')}'`
  return sql.replaceAll(/\b(from|join)\s+((?:"[^"]+"|\w+)(?:\s*\.\s*(?:"[^"]+"|\w+)){0,2})(?!\s*[\w"]*\s*\()/gi, (_, word: string, table: string) => `${word} ${table} ${at}`)
}

function connectionOf ({ url, password, caFile }: TrinoOptions): { server: string, connection: ConnectionOptions } {
  const match = /^trino(\+https)?:\/\/(?:([^@/:]+)@)?([^/@]+?)(?:\/([A-Za-z0-9_]+))?(?:\/([A-Za-z0-9_]+))?\/?$/.exec(url)
  if (match === null) throw fail('QUERY_URL_UNSUPPORTED', { url: url.replace(/\/\/[^@/]*@/, '//…@') })
  const [, secure, user = userDefault, host = '', catalog = catalogDefault, schema = schemaDefault] = match
  if (password !== undefined && secure === undefined) throw fail('QUERY_PASSWORD_UNSAFE', { url })
  const server = `${secure === undefined ? 'http' : 'https'}://${host}`
  return {
    server,
    connection: {
      server,
      catalog,
      schema,
      source: 'firn',
      auth: new BasicAuth(decodeURIComponent(user), password),
      // Without it times are cut to milliseconds.
      extraHeaders: { 'X-Trino-Client-Capabilities': 'PARAMETRIC_DATETIME', 'X-Trino-Time-Zone': 'UTC' },
      ...caFile === undefined ? {} : { ssl: { ca: readFileSync(caFile) } }
    }
  }
}

function explainRequest (server: string, error: unknown): Error {
  const { code, message, response } = error as { code?: string, message: string, response?: { status: number, data?: unknown } }
  if (response?.status === 401 || response?.status === 403) return fail('QUERY_UNAUTHORIZED', { url: server, status: response.status }, error)
  return fail('QUERY_AWAY', { url: server, reason: response === undefined ? code ?? message : `status ${response.status}` }, error)
}

function explainStatement ({ message, errorName, errorLocation }: NonNullable<Page['error']>, asOf: string | undefined): Error {
  const reason = message.replace(/^line \d+:\d+: /, '')
  if (errorName === 'USER_CANCELED') return fail('QUERY_CANCELLED')
  if (/snapshot id does not exist|no version history/i.test(message)) return fail('SQL_NO_SUCH_SNAPSHOT', { asOf: asOf ?? reason })
  return fail('SQL_INVALID', { reason, place: errorLocation === undefined ? '' : ` (line ${errorLocation.lineNumber}, column ${errorLocation.columnNumber})` })
}
