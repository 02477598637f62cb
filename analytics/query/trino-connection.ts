// The way to Trino by trino-client: address, login, certificate, and one request with its limits. A page is read from its
// text here, because trino-client rounds integers. Reading a page again is harmless, so only that is tried again.
// The password goes to the configured address alone, whatever address a page names for the next one.

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { BasicAuth, Trino, type ConnectionOptions } from 'trino-client'
import { fail } from '../errors.ts'
import { parseExactly, type TypeSignature } from './trino-values.ts'

export interface TrinoOptions {
  /** trino://[user@]host:port[/catalog[/schema]], or trino+https://… */
  readonly url: string
  readonly password?: string
  readonly caFile?: string
  /** How long one page may take. Trino itself answers within a second or so. */
  readonly requestMsMax?: number
  /** How often a page that did not come is asked for. */
  readonly attemptsMax?: number
}

export interface Page {
  readonly id: string
  readonly nextUri?: string
  readonly columns?: readonly { readonly name: string, readonly typeSignature: TypeSignature }[]
  readonly data?: readonly (readonly unknown[])[]
  readonly error?: { readonly message: string, readonly errorName: string, readonly errorType?: string, readonly errorLocation?: { readonly lineNumber: number, readonly columnNumber: number } }
}

export interface TrinoConnection {
  readonly server: string
  readonly catalog: string
  readonly schema: string
  start(statement: string): Promise<Page>
  /** Throws QUERY_CANCELLED when `signal` ends it. */
  next(page: Page, signal?: AbortSignal): Promise<Page>
  /** Ends what the page belongs to. Never throws. */
  cancel(page: Page): Promise<void>
}

const catalogDefault = 'lake'
const schemaDefault = 'firn'
const userDefault = 'firn'
const requestMsMaxDefault = 60_000
const attemptsMaxDefault = 5
const pauseMsFirst = 100
const cancelMsMax = 2_000

interface Request { method: string, url: string, data?: string, timeout: number, signal?: AbortSignal, transformResponse: ((text: string) => string)[] }

/** Asks nothing yet. Throws QUERY_URL_UNSUPPORTED, QUERY_PASSWORD_UNSAFE, QUERY_CA_UNREADABLE. */
export function connectTrino (options: TrinoOptions): TrinoConnection {
  const { server, catalog, schema, connection } = connectionOf(options)
  const { requestMsMax = requestMsMaxDefault, attemptsMax = attemptsMaxDefault } = options
  // Its own reading of pages rounds integers beyond 2^53; the requests below it do not.
  const { client } = Trino.create(connection) as unknown as { client: { request(request: Request): Promise<string> } }
  const send = async (method: 'GET' | 'POST' | 'DELETE', url: string, { timeout = requestMsMax, ...more }: { timeout?: number, data?: string, signal?: AbortSignal } = {}): Promise<Page> => {
    try {
      const text = await client.request({ method, url, timeout, transformResponse: [text => text], ...more })
      return text === '' ? { id: '' } : readPage(server, text)
    } catch (error) {
      throw more.signal?.aborted === true ? fail('QUERY_CANCELLED') : explainRequest(server, error)
    }
  }
  /** The page's address at our server: behind a proxy Trino may know itself by another one. */
  const nextOf = ({ nextUri = server }: Page): string => {
    const { pathname, search } = new URL(nextUri)
    return server + pathname + search
  }
  return {
    server,
    catalog,
    schema,
    start: async statement => await send('POST', `${server}/v1/statement`, { data: statement }),
    async next (page, signal) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await send('GET', nextOf(page), signal === undefined ? {} : { signal })
        } catch (error) {
          if (attempt >= attemptsMax || !(error as { retryable: boolean }).retryable || signal?.aborted === true) throw error
          await sleep(pauseMsFirst * 2 ** (attempt - 1), undefined, signal === undefined ? {} : { signal }).catch(() => { throw fail('QUERY_CANCELLED') })
        }
      }
    },
    async cancel (page) {
      if (page.nextUri !== undefined) await send('DELETE', nextOf(page), { timeout: cancelMsMax }).catch(() => undefined)
    }
  }
}

function connectionOf ({ url, password, caFile }: TrinoOptions): Pick<TrinoConnection, 'server' | 'catalog' | 'schema'> & { connection: ConnectionOptions } {
  const match = /^trino(\+https)?:\/\/(?:([^@/:]+)@)?([^/@?#]+?)(?:\/([A-Za-z0-9_]+))?(?:\/([A-Za-z0-9_]+))?\/?$/.exec(url)
  if (match === null) throw fail('QUERY_URL_UNSUPPORTED', { url: url.replace(/\/\/[^@/]*@/, '//…@') })
  const [, secure, user = userDefault, host = '', catalog = catalogDefault, schema = schemaDefault] = match
  if (password !== undefined && secure === undefined) throw fail('QUERY_PASSWORD_UNSAFE', { url })
  const server = `${secure === undefined ? 'http' : 'https'}://${host}`
  if (!URL.canParse(server)) throw fail('QUERY_URL_UNSUPPORTED', { url })
  return {
    server,
    catalog,
    schema,
    connection: {
      server,
      catalog,
      schema,
      source: 'firn',
      auth: new BasicAuth(decodeURIComponent(user), password),
      // Without the first, times are cut to milliseconds.
      extraHeaders: { 'X-Trino-Client-Capabilities': 'PARAMETRIC_DATETIME', 'X-Trino-Time-Zone': 'UTC' },
      ...caFile === undefined ? {} : { ssl: { ca: readCertificates(caFile) } }
    }
  }
}

function readCertificates (file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw fail('QUERY_CA_UNREADABLE', { file, reason: (error as Error).message }, error)
  }
}

function readPage (server: string, text: string): Page {
  try {
    const page = parseExactly(text) as Page
    if (typeof page.id === 'string') return page
  } catch {}
  throw fail('QUERY_NOT_TRINO', { url: server })
}

function explainRequest (server: string, error: unknown): Error {
  const { code, message, response } = error as { code?: string, message: string, response?: { status: number, data?: unknown } }
  if (code?.startsWith('QUERY_') === true) return error as Error
  if (response === undefined) return fail(/CERT|SELF_SIGNED|ISSUER|ALTNAME/.test(code ?? '') ? 'QUERY_UNTRUSTED' : 'QUERY_AWAY', { url: server, reason: code ?? message }, error)
  if (response.status === 401 || response.status === 403) return fail('QUERY_UNAUTHORIZED', { url: server, status: response.status }, error)
  if (response.status === 404 || response.status === 405) return fail('QUERY_NOT_TRINO', { url: server }, error)
  return fail('QUERY_AWAY', { url: server, reason: `status ${response.status}` }, error)
}
