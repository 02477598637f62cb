/**
 * Client of an Iceberg REST catalog (Apache's OpenAPI document): one request per call, and the outcome of a commit told honestly.
 *
 * Refuses to guess: a timeout, a 5xx, a cut or unreadable 200 after a commit is `unknown`, never `failed`. Reads are tried again a few times,
 * commits never: that is the commit loop's decision. A change sent again is the same bytes under the same Idempotency-Key.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { CatalogError, isCatalogError, reasonOf, type CatalogErrorCode } from '../errors.ts'
import { parseJson, printJson, readMetadata } from '../spec/json.ts'
import { MetadataReader } from '../spec/metadata-reader.ts'
import type { TableChange, TableIdentifier } from '../spec/types.ts'
import type { StorageCredentials } from '../storage/storage.ts'
import type { AwsKeys } from './aws-credentials.ts'
import { keyOf, printIdentifier, type Catalog, type CommitReply, type CreateTableRequest, type LoadedTable } from './catalog.ts'
import { HandedOut } from './handed-out.ts'
import { KnownTables } from './known-tables.ts'
import { assertsAbsence, guardChange, guardCreation, isNessie } from './nessie.ts'
import { bearerAuth, OAuthClient, openAuth, type OAuthOptions, type RestAuth } from './rest-auth.ts'
import { offersCredentials, pathsOf, type Paths, type RawConfig } from './rest-paths.ts'
import { sigV4Auth, type SigV4Options } from './rest-sigv4.ts'

export interface RestCatalogOptions extends Partial<AwsKeys> {
  readonly warehouse?: string
  readonly token?: string
  /** Tokens of its own; `token` is then not used. */
  readonly oauth?: OAuthOptions
  readonly sigv4?: SigV4Options
  /** Where tables get their files unless they name a place; read for catalogs that choose none themselves (Glue). */
  readonly warehouseUrl?: string
  /** Ask the catalog for storage credentials. */
  readonly accessDelegation?: boolean
  readonly requestMsMax?: number
  readonly readAttemptsMax?: number
}

const requestMsMax = 30_000
const readAttemptsMax = 4
const readBackoffMs = 100
/** Tables whose snapshots are remembered between replies. */
const tablesMax = 64

export function openRestCatalog(catalogUrl: string, options: RestCatalogOptions = {}): Catalog {
  const client = new RestClient(catalogUrl, options)
  return {
    loadTable: async id => await client.loadTable(id),
    createTable: (id, request) => client.createTable(id, request),
    commitTable: (id, change) => client.commit(id, change),
    async ensureNamespace(namespace) {
      const levels = namespace.map((_, index) => namespace.slice(0, index + 1))
      for (const level of levels) {
        try {
          await client.read('POST', paths => paths.namespaces(), { namespace: level.join('.') }, { namespace: level, properties: {} })
        } catch (error) {
          if (!isCatalogError(error, 'CATALOG_ALREADY_EXISTS')) throw error
        }
      }
    },
    listNamespaces: async () => await client.readPages(paths => paths.namespaces(), 'namespaces', {}) as string[][],
    listTables: async namespace => await client.readPages(paths => paths.tables(namespace), 'identifiers', { namespace: namespace.join('.') }) as TableIdentifier[],
    dropTable: async (id, purge = false) => { await client.read('DELETE', paths => `${paths.table(id)}?purgeRequested=${purge}`, { table: printIdentifier(id) }, undefined, 1) },
    ...(options.accessDelegation === true ? { storageCredentials: (id, location) => client.storageCredentials(id, location) } : {})
  }
}

interface Reply { status: number, text: string, etag: string | undefined, retryAfterMs: number | undefined }

class RestClient {
  readonly #url: string
  readonly #options: RestCatalogOptions
  readonly #agent: Agent
  readonly #sent = new WeakMap<TableChange, { body: string, key: string }>()
  readonly #readers = new Map<string, MetadataReader>()
  readonly #known = new KnownTables()
  readonly #handedOut = new HandedOut()
  readonly #auth: RestAuth
  #config: Promise<RestConfig> | undefined

  constructor(url: string, options: RestCatalogOptions) {
    this.#url = url.replace(/\/+$/, '')
    this.#options = options
    const timeout = options.requestMsMax ?? requestMsMax
    this.#agent = new Agent({ headersTimeout: timeout, bodyTimeout: timeout, connectTimeout: Math.min(timeout, 5_000), keepAliveTimeout: 4_000, connections: 8 })
    this.#auth = this.#createAuth()
  }

  #createAuth(): RestAuth {
    const { token, oauth, sigv4, requestMsMax } = this.#options
    const named = oauth !== undefined ? new OAuthClient(oauth, { catalogUrl: this.#url, dispatcher: this.#agent, requestMsMax }) : token !== undefined ? bearerAuth(token) : openAuth()
    return sigv4 === undefined ? named : sigV4Auth({ ...this.#options, ...sigv4 }, this.#url, named)
  }

  /** A request that may be sent again without harm. Throws the error that the status stands for. */
  async read(method: 'GET' | 'POST' | 'DELETE', path: (paths: Paths) => string, values: Record<string, unknown>, body?: unknown, attemptsMax = this.#options.readAttemptsMax): Promise<unknown> {
    const config = await this.#configuration()
    return await this.#readUrl(method, config.url + path(config.paths), values, body, attemptsMax)
  }

  /** `anew`: all of it, although nothing changed; for what comes beside the metadata. */
  async loadTable(id: TableIdentifier, anew = false): Promise<LoadedTable> {
    const { url, paths } = await this.#configuration()
    const target = `${url}${paths.table(id)}?snapshots=all`
    return await this.#retry(this.#options.readAttemptsMax, async () => {
      const known = anew ? undefined : this.#known.find(id)
      const reply = await this.#send('GET', target, undefined, known === undefined ? {} : { 'if-none-match': known.etag })
      if (reply.status === 304 && known !== undefined) return known.table
      if (reply.status !== 200) throw this.#errorOf(reply, 'GET', target, { table: printIdentifier(id) })
      const table = this.seen(id, this.#parse(reply, 'GET', target, text => this.#readerOf(id).parseReply(text)))
      this.#known.remember(id, reply.etag, table)
      return table
    })
  }

  async createTable(id: TableIdentifier, request: CreateTableRequest): Promise<LoadedTable> {
    const { isNessie } = await this.#configuration()
    // `stage-create` is optional in the specification; Nessie wants it said.
    const body = { 'name': id.name, ...locationFor(this.#options, id), ...isNessie ? guardCreation(request) : request, 'stage-create': false }
    return this.seen(id, await this.read('POST', paths => paths.tables(id.namespace), { table: printIdentifier(id), namespace: id.namespace.join('.') }, body, 1))
  }

  /** The table of a reply; credentials that came with it are remembered. */
  seen(id: TableIdentifier, reply: unknown): LoadedTable {
    if (this.#options.accessDelegation === true) this.#handedOut.remember(id, reply)
    return toTable(id, reply)
  }

  async storageCredentials(id: TableIdentifier, location: string): Promise<StorageCredentials | null> {
    const remembered = this.#handedOut.find(id, location)
    if (remembered !== null) return remembered
    if (this.#handedOut.isKnown(id) && (await this.#configuration()).offersCredentials) this.#handedOut.remember(id, await this.read('GET', paths => `${paths.table(id)}/credentials`, { table: printIdentifier(id) }))
    else await this.loadTable(id, true)
    return this.#handedOut.find(id, location, true)
  }

  async readPages(path: (paths: Paths) => string, member: string, values: Record<string, unknown>): Promise<unknown[]> {
    const found: unknown[] = []
    for (let token: string | null | undefined = ''; typeof token === 'string';) {
      const page = await this.read('GET', paths => `${path(paths)}?pageToken=${encodeURIComponent(String(token))}`, values) as Record<string, unknown>
      found.push(...page[member] as unknown[] ?? [])
      token = page['next-page-token'] as string | null | undefined
    }
    return found
  }

  async commit(id: TableIdentifier, change: TableChange): Promise<CommitReply> {
    let reply: Reply
    let target: string
    try {
      const config = await this.#configuration()
      target = config.url + config.paths.table(id)
      const guarded = config.isNessie && !this.#sent.has(change) ? guardChange(change, assertsAbsence(change) ? (await this.loadTable(id)).metadata : null) : change
      if ('lost' in guarded) return { kind: 'conflict', reason: guarded.lost }
      const { body, key } = this.#bodyOf(id, change, guarded)
      reply = await this.#send('POST', target, body, config.idempotent ? { 'idempotency-key': key } : {})
    } catch (error) {
      // Nothing was sent when the configuration could not be had; saying "unknown" is still right, only slower.
      return isCatalogError(error) && !error.retryable ? { kind: 'refused', error } : { kind: 'unknown', cause: error }
    }
    if (reply.status === 200) {
      try {
        return { kind: 'landed', table: toTable(id, this.#readerOf(id).parseReply(reply.text)) }
      } catch (error) {
        return { kind: 'unknown', cause: new CatalogError('CATALOG_BAD_REPLY', { url: this.#url, request: `POST ${target}`, reason: reasonOf(error) }, error) }
      }
    }
    if (reply.status === 409) return { kind: 'conflict', reason: reasonOfReply(reply) }
    if (reply.status === 429) return { kind: 'unknown', cause: this.#errorOf(reply, 'POST', target, { table: printIdentifier(id) }), retryAfterMs: reply.retryAfterMs ?? 1_000 }
    const error = this.#errorOf(reply, 'POST', target, { table: printIdentifier(id) })
    if (isUnusable(typeOfReply(reply))) return { kind: 'refused', error }
    if (reply.status >= 500 || reply.status === 408 || reply.status < 400) return { kind: 'unknown', cause: error, ...(reply.retryAfterMs === undefined ? {} : { retryAfterMs: reply.retryAfterMs }) }
    return { kind: 'refused', error }
  }

  #readerOf(id: TableIdentifier): MetadataReader {
    const key = keyOf(id)
    let reader = this.#readers.get(key)
    if (reader === undefined) {
      if (this.#readers.size >= tablesMax) this.#readers.clear()
      this.#readers.set(key, reader = new MetadataReader())
    }
    return reader
  }

  #bodyOf(id: TableIdentifier, change: TableChange, { requirements, updates }: TableChange): { body: string, key: string } {
    let sent = this.#sent.get(change)
    if (sent === undefined) {
      sent = { body: printJson({ identifier: id, requirements, updates }), key: createUuidV7() }
      this.#sent.set(change, sent)
    }
    return sent
  }

  async #configuration(): Promise<RestConfig> {
    this.#config ??= this.#loadConfiguration()
    try {
      return await this.#config
    } catch (error) {
      this.#config = undefined
      throw error
    }
  }

  async #loadConfiguration(): Promise<RestConfig> {
    const query = this.#options.warehouse === undefined ? '' : `?warehouse=${encodeURIComponent(this.#options.warehouse)}`
    const raw = await this.#readUrl('GET', `${this.#url}/v1/config${query}`, {}, undefined, this.#options.readAttemptsMax) as RawConfig
    const merged = { ...raw.defaults, ...raw.overrides }
    this.#auth.learn?.(merged)
    this.#handedOut.learn(merged)
    return {
      url: (merged['uri'] ?? this.#url).replace(/\/+$/, ''),
      paths: pathsOf(merged['prefix'], merged['namespace-separator'] ?? '%1F'),
      isNessie: isNessie(merged),
      offersCredentials: offersCredentials(raw),
      idempotent: raw['idempotency-key-lifetime'] !== undefined
    }
  }

  async #readUrl(method: 'GET' | 'POST' | 'DELETE', url: string, values: Record<string, unknown>, body: unknown, attemptsMax?: number): Promise<unknown> {
    return await this.#retry(attemptsMax, async () => {
      const reply = await this.#send(method, url, body === undefined ? undefined : printJson(body), {})
      if (reply.status >= 200 && reply.status < 300) return this.#parse(reply, method, url, parseJson)
      throw this.#errorOf(reply, method, url, values)
    })
  }

  async #retry<T>(attemptsMax: number = readAttemptsMax, act: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await act()
      } catch (error) {
        if (attempt >= attemptsMax || !isCatalogError(error) || !error.retryable) throw error
        await sleep(error.values['retryAfterMs'] as number | undefined ?? readBackoffMs * 2 ** attempt * (0.5 + Math.random() / 2))
      }
    }
  }

  #parse(reply: Reply, method: string, url: string, parse: (text: string) => unknown): unknown {
    if (reply.text.trim() === '') return {}
    try {
      return parse(reply.text)
    } catch (error) {
      throw new CatalogError('CATALOG_BAD_REPLY', { url: this.#url, request: `${method} ${url}`, reason: reasonOf(error) }, error)
    }
  }

  /** One request; where the catalog refuses the token, which it then did not act on, once more with a new one. */
  async #send(method: 'GET' | 'POST' | 'DELETE', url: string, body: string | undefined, more: Record<string, string>): Promise<Reply> {
    const plain = {
      'accept': 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(this.#options.accessDelegation === true ? { 'x-iceberg-access-delegation': 'vended-credentials' } : {}),
      ...more
    }
    const headers = await this.#auth.sign({ method, url, body, headers: plain })
    const reply = await this.#sendSigned(method, url, body, headers)
    if (!isUnauthorized(reply, headers) || !await this.#auth.renew(headers)) return reply
    return await this.#sendSigned(method, url, body, await this.#auth.sign({ method, url, body, headers: plain }))
  }

  async #sendSigned(method: 'GET' | 'POST' | 'DELETE', url: string, body: string | undefined, headers: Record<string, string>): Promise<Reply> {
    try {
      const reply = await request(url, { method, body: body ?? null, dispatcher: this.#agent, signal: AbortSignal.timeout(this.#options.requestMsMax ?? requestMsMax), headers })
      const retryAfter = Number(reply.headers['retry-after'])
      const etag = reply.headers['etag']
      return { status: reply.statusCode, text: await reply.body.text(), etag: Array.isArray(etag) ? etag[0] : etag, retryAfterMs: Number.isFinite(retryAfter) ? Math.min(retryAfter * 1_000, 60_000) : undefined }
    } catch (error) {
      throw new CatalogError('CATALOG_UNREACHABLE', { url: this.#url, reason: reasonOf(error) }, error)
    }
  }

  #errorOf(reply: Reply, method: string, url: string, values: Record<string, unknown>): CatalogError {
    const reason = reasonOfReply(reply)
    const type = typeOfReply(reply)
    switch (reply.status) {
      case 419: return new CatalogError('CATALOG_TOKEN_EXPIRED', { url: this.#url, reason })
      case 401: return new CatalogError('CATALOG_UNAUTHORIZED', { url: this.#url, reason })
      case 403: return new CatalogError(codeOf403(reason), { url: this.#url, reason, request: `${method} ${new URL(url).pathname}` })
      case 404:
        // The table is there and its metadata file is not, or this is no such route, or no such warehouse: nothing says that the table is missing.
        if (type === 'NotFoundException' && values['table'] === undefined) break
        if (type === 'NotFoundException') return new CatalogError('CATALOG_TABLE_UNUSABLE', { ...values, url: this.#url, reason })
        // A proxy's page, not a catalog's answer.
        if (type === undefined && reply.text.trimStart().startsWith('<')) break
        if (type === 'NoSuchNamespaceException' && values['namespace'] !== undefined) return new CatalogError('CATALOG_NO_SUCH_NAMESPACE', values)
        if (values['table'] !== undefined) return new CatalogError('CATALOG_NO_SUCH_TABLE', values)
        if (values['namespace'] !== undefined) return new CatalogError('CATALOG_NO_SUCH_NAMESPACE', values)
        break
      case 409: return new CatalogError('CATALOG_ALREADY_EXISTS', { what: values['table'] === undefined ? `namespace ${String(values['namespace'])}` : `table ${String(values['table'])}` })
      case 429: return new CatalogError('CATALOG_THROTTLED', { url: this.#url, retryAfterMs: reply.retryAfterMs ?? 1_000 })
      default: break
    }
    if (isUnusable(type) && values['table'] !== undefined) return new CatalogError('CATALOG_TABLE_UNUSABLE', { ...values, url: this.#url, reason })
    if (reply.status >= 500 || reply.status === 408) return new CatalogError('CATALOG_UNREACHABLE', { url: this.#url, reason: `status ${reply.status} to ${method} ${new URL(url).pathname}: ${reason}` })
    return new CatalogError('CATALOG_REFUSED', { url: this.#url, request: `${method} ${url}`, status: reply.status, reason })
  }
}

interface RestConfig { url: string, paths: Paths, idempotent: boolean, offersCredentials: boolean, isNessie: boolean }

/** Some answer 403 to who did not say who he is. */
function isUnauthorized({ status }: Reply, headers: Readonly<Record<string, string>>): boolean {
  return status === 401 || status === 419 || (status === 403 && headers['authorization'] === undefined)
}

/** AWS answers 403 to bad keys as well as to what keys may not do. */
function codeOf403(reason: string): CatalogErrorCode {
  if (/token.* expired|ExpiredToken/i.test(reason)) return 'CATALOG_CREDENTIALS_EXPIRED'
  if (/lake ?formation/i.test(reason)) return 'CATALOG_LAKE_FORMATION_DENIED'
  return /signature|security token|InvalidClientTokenId|UnrecognizedClient/i.test(reason) ? 'CATALOG_UNAUTHORIZED' : 'CATALOG_DENIED'
}

/** Glue's REST endpoint wants to hear where a table shall lie; a folder of its own, since a dropped table may have left its files in another. */
function locationFor({ sigv4, warehouseUrl }: RestCatalogOptions, { namespace, name }: TableIdentifier): { location?: string } {
  if (sigv4?.service !== 'glue' || warehouseUrl === undefined) return {}
  return { location: `${warehouseUrl.replace(/\/+$/, '')}/${namespace.join('/')}/${name}-${randomBytes(4).toString('hex')}` }
}

/** What the embedded catalog answers about one table, whatever it is asked: nothing was changed, and asking again does not help. */
function isUnusable(type: string | undefined): boolean {
  return type === 'MetadataDamagedException' || type === 'TableBehindException'
}

function toTable(id: TableIdentifier, value: unknown): LoadedTable {
  const reply = value as { 'metadata'?: unknown, 'metadata-location'?: string | null }
  return { id, metadata: readMetadata(reply.metadata), metadataLocation: reply['metadata-location'] ?? null }
}

function errorBody(reply: Reply): { message?: string, type?: string } | undefined {
  try {
    return (JSON.parse(reply.text) as { error?: { message?: string, type?: string } }).error
  } catch {
    return undefined
  }
}

function reasonOfReply(reply: Reply): string {
  return errorBody(reply)?.message ?? (reply.text.trim().slice(0, 200) || `status ${reply.status}`)
}

function typeOfReply(reply: Reply): string | undefined {
  return errorBody(reply)?.type
}

/** The REST specification asks for time-ordered uuids in Idempotency-Key. */
function createUuidV7(): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(Date.now(), 0, 6)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
