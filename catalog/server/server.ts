/**
 * The embedded Iceberg REST catalog: opens its state, listens, and closes without losing what it answered.
 *
 * One process owns the state folder. `ready` fails while the state cannot be written. Errors go out in the specification's form.
 */
import { join } from 'node:path'
import { fastify, type FastifyInstance, type FastifyReply } from 'fastify'
import { keepDeletesInside } from '../storage/deletes-inside.ts'
import { openStorage } from '../storage/open.ts'
import { resolveWarehouse } from '../storage/local.ts'
import { NewestPointers } from './behind.ts'
import { callerRule, refuseListening } from './callers.ts'
import { RestError, errorBody, toRestError } from './errors.ts'
import { MetadataFiles } from './metadata-files.ts'
import { insideOf, keepInside } from './places.ts'
import { PointerStore } from './pointer-store.ts'
import { firstElsewhere } from './elsewhere.ts'
import type { Storage } from '../storage/storage.ts'
import { addRoutes, methodsOf } from './routes.ts'
import type { CatalogState, ServerLogger } from './state.ts'
import { Turns } from './turns.ts'

export interface CatalogServerOptions {
  /** The state lies in its folder `catalog`. */
  readonly dataDir: string
  readonly warehouse: string
  /** The data folder does not know yet where it belongs: a copy is then told by the tables that it names. */
  readonly isUnmarked?: boolean
  /** Without it the one that the warehouse's address stands for. */
  readonly storage?: Storage
  /** Further places where tables may lie. */
  readonly places?: readonly string[]
  /** Asked for with every request; needed where more than this machine can reach the port. */
  readonly token?: string | undefined
  readonly host: string
  readonly port: number
  readonly logger: ServerLogger
  readonly bodyBytesMax?: number
  readonly cacheBytesMax?: number
  /** Default false: see FIRN_CATALOG_NAMESPACE_REQUIRED. */
  readonly namespaceRequired?: boolean
  readonly clock?: () => number
  /** The state could not be written: the process should end and start again. */
  readonly onFailure?: (error: Error) => void
  /** After each request: its route, method, status and time. */
  readonly observe?: (route: string, method: string, status: number, seconds: number) => void
  /** The text of `/metrics`. */
  readonly metrics?: { readonly contentType: string, text(): Promise<string> }
}

export interface CatalogServer { readonly url: string, close(): Promise<void> }

const mebibyte = 1024 * 1024
const nameBytesMax = 16 * 1024
const keepAliveMs = 72_000
const requestMsMax = 60_000
/** A head is a few hundred bytes. Node looks for heads that are late every so often: without it, each half minute. */
const headersMsMax = 20_000
const timeoutsEveryMs = 2000
const idleCheckMs = 20
const closeMsMax = 600

const silent: ServerLogger = { info() {}, warn() {}, error() {} }

/** Throws an Error with one sentence when the state, the warehouse or the port cannot be had. */
export async function startCatalogServer(options: CatalogServerOptions): Promise<CatalogServer> {
  const logger = options.logger ?? silent
  const refused = refuseListening(options.host, options.token)
  if (refused !== null) throw new Error(refused)
  const warehouse = resolveWarehouse(options.warehouse)
  const demandInside = insideOf(warehouse, options.places)
  const say = (sentence: string): void => { logger.warn({}, sentence) }
  const storage = keepInside(options.storage ?? keepDeletesInside(openStorage(warehouse), warehouse, say), demandInside, say)
  const pointers = new PointerStore(join(options.dataDir, 'catalog'), options.onFailure === undefined ? {} : { onFailure: options.onFailure })
  const elsewhere = options.isUnmarked === true ? firstElsewhere(pointers.all(), warehouse) : null
  if (elsewhere !== null) {
    pointers.close()
    throw new Error(`every table of the catalog in ${options.dataDir} lies elsewhere, the first at ${elsewhere}, and none in the warehouse ${warehouse}: the data folder was moved or copied. Type \`npm run relocate -- --data-dir ${options.dataDir}\`, which lets it belong where it is now, or set FIRN_WAREHOUSE_URL to where the tables are`)
  }
  const unfinished = new Set<Promise<unknown>>()
  const files = new MetadataFiles(storage, options.cacheBytesMax ?? 64 * mebibyte)
  const state: CatalogState = {
    pointers,
    storage,
    demandInside,
    files,
    newest: new NewestPointers(storage, files, pointers),
    turns: new Turns(),
    warehouse,
    namespaceRequired: options.namespaceRequired ?? false,
    clock: options.clock ?? Date.now,
    logger,
    behind(work) {
      const settled: Promise<unknown> = work.catch((error: unknown) => { logger.warn({ err: error }, 'cleaning up after a change failed') }).finally(() => unfinished.delete(settled))
      unfinished.add(settled)
    }
  }
  const app = createApp(state, options)
  try {
    await app.listen({ host: options.host, port: options.port })
  } catch (error) {
    pointers.close()
    throw explainListen(error, options)
  }
  const address = app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : options.port
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    async close() {
      await closeApp(app)
      await Promise.all(unfinished)
      pointers.close()
    }
  }
}

function createApp(state: CatalogState, options: CatalogServerOptions): FastifyInstance {
  const app = fastify({
    bodyLimit: options.bodyBytesMax ?? 32 * mebibyte,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    keepAliveTimeout: keepAliveMs,
    requestTimeout: requestMsMax,
    http: { headersTimeout: headersMsMax, connectionsCheckingInterval: timeoutsEveryMs },
    return503OnClosing: false,
    routerOptions: { maxParamLength: nameBytesMax, ignoreTrailingSlash: true },
    frameworkErrors: (error, _request, reply: FastifyReply) => { sendError(reply, toRestError(error)) }
  })
  const refuse = callerRule(options.token)
  app.addHook('onRequest', async request => {
    const refused = refuse(request.url.split('?', 1)[0] as string, request.headers)
    if (refused !== null) throw refused
  })
  // Bodies are read by our own parser: V8's would round 63-bit snapshot ids.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => { done(null, body) })
  app.setErrorHandler((error, request, reply) => {
    const answer = toRestError(error)
    if (answer.httpStatus >= 500) state.logger.error({ err: error, method: request.method, url: request.url }, 'a request failed')
    sendError(reply, answer)
  })
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] as string
    const allowed = methodsOf(path)
    if (allowed.length > 0) void reply.header('allow', allowed.join(', '))
    throw allowed.length > 0
      ? new RestError('MethodNotAllowedException', `${request.method} ${path} is not offered: use ${allowed.join(' or ')}`)
      : new RestError('NotFoundException', `No route for request: ${request.method} ${path}`)
  })
  const { observe, metrics } = options
  if (observe !== undefined) app.addHook('onResponse', async (request, reply) => { observe(request.routeOptions.url ?? 'none', request.method, reply.statusCode, reply.elapsedTime / 1000) })
  app.get('/livez', () => ({ status: 'ok' }))
  app.get('/readyz', () => {
    if (state.pointers.failure !== null) throw new RestError('ServiceUnavailableException', state.pointers.failure.message)
    state.pointers.childNamespaces([])
    return { status: 'ok' }
  })
  if (metrics !== undefined) app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()))
  addRoutes(app, state)
  return app
}

/** Lets requests that run end. A client that keeps its connection open must not hold the process: idle ones are closed as they fall idle. */
async function closeApp(app: FastifyInstance): Promise<void> {
  const idle = setInterval(() => { app.server.closeIdleConnections() }, idleCheckMs)
  const late = setTimeout(() => { app.server.closeAllConnections() }, closeMsMax)
  try {
    await app.close()
  } finally {
    clearInterval(idle)
    clearTimeout(late)
  }
}

function sendError(reply: FastifyReply, error: RestError): void {
  void reply.code(error.httpStatus).type('application/json').send(JSON.stringify(errorBody(error)))
}

function explainListen(error: unknown, { host, port }: CatalogServerOptions): Error {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'EADDRINUSE') return new Error(`port ${port} on ${host} is in use by another process: stop it, or give the catalog another port with FIRN_CATALOG_PORT`, { cause: error })
  if (code === 'EACCES') return new Error(`port ${port} on ${host} may not be opened by this user: choose one above 1023 with FIRN_CATALOG_PORT`, { cause: error })
  return new Error(`the catalog cannot listen on ${host}:${port} (${(error as Error).message}): check FIRN_CATALOG_HOST and FIRN_CATALOG_PORT`, { cause: error })
}
