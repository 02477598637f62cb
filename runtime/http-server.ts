// A Fastify server with the answers that every service gives alike: errors as {code, message, path?, retryable,
// requestId}, 404, 405 with Allow, /livez /readyz /metrics. Bodies are never rewritten (no coercion, no defaults, no
// removal). Fastify is loaded on first use, so that commands which import the runtime do not pay for it.

import { createRequire } from 'node:module'
import { randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify'
import { endSoon, guardConnections, type ConnectionLimits, type Connections } from './connections.ts'
import { fail, runtimeErrors } from './errors.ts'
import { FirnError } from './firn-error.ts'
import type { Logger } from './logger.ts'
import type { Metrics } from './metrics.ts'
import { sentenceOf } from './service.ts'

const requestMsMax = 60_000
/** A head is a few hundred bytes: what needs longer for it is no client. */
const headersMsMax = 20_000
const keepAliveMs = 72_000
/** How often Node looks for requests that are out of time. */
const timeoutsEveryMs = 2000
/** The rest of a refused body that is read and thrown away, so that its connection can go on. */
const drainBytesMax = 1024 * 1024
const retryAfterSeconds = 1

export interface HttpServerOptions {
  logger: Logger
  bodyBytesMax: number
  metrics?: Metrics
  /** Rejects with the reason while the service cannot do its work; may resolve with what an operator should know nevertheless. */
  ready?: () => Promise<string | void>
  trustProxy?: FastifyServerOptions['trustProxy']
  keepAliveMsMax?: number
  requestMsMax?: number
  headersMsMax?: number
  /** Without it, connections are as many as the system allows. */
  connections?: ConnectionLimits
}

const guarded = new WeakMap<FastifyInstance, Connections>()

/** The body of every answer that is not a success. */
export interface ErrorBody {
  code: string
  message: string
  path?: string
  retryable: boolean
  requestId: string
}

export function createHttpServer (options: HttpServerOptions): FastifyInstance {
  const { fastify, LogController } = createRequire(import.meta.url)('fastify') as typeof import('fastify')
  const idOfProcess = randomBytes(4).toString('hex')
  let requests = 0
  const app = fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.bodyBytesMax,
    trustProxy: options.trustProxy ?? false,
    genReqId: raw => {
      const given = raw.headers['x-request-id']
      return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : `${idOfProcess}-${(requests++).toString(36)}`
    },
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    keepAliveTimeout: options.keepAliveMsMax ?? keepAliveMs,
    requestTimeout: options.requestMsMax ?? requestMsMax,
    http: {
      headersTimeout: Math.min(options.headersMsMax ?? headersMsMax, options.requestMsMax ?? requestMsMax),
      connectionsCheckingInterval: Math.min(timeoutsEveryMs, options.headersMsMax ?? headersMsMax)
    },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 512 },
    ajv: { customOptions: { coerceTypes: false, useDefaults: false, removeAdditional: false, allErrors: false } },
    clientErrorHandler (error, socket) {
      if (error.code === 'ECONNRESET' || !socket.writable) {
        socket.destroy()
        return
      }
      const cause = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? fail('REQUEST_TIMEOUT') : fail('REQUEST_INVALID', { reason: error.message })
      const body = JSON.stringify(errorBody(cause, `${idOfProcess}-${(requests++).toString(36)}`))
      const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : cause.httpStatus
      endSoon(socket, lastAnswer(status, body))
    },
    frameworkErrors: (error, request, reply) => { void sendError(error, request as FastifyRequest, reply as unknown as FastifyReply, options.bodyBytesMax) }
  }) as unknown as FastifyInstance

  if (options.connections !== undefined) {
    const refusal = (): string => {
      const cause = fail('CONNECTIONS_TOO_MANY', { connectionsMax: options.connections?.connectionsPerShareMax })
      return lastAnswer(cause.httpStatus, JSON.stringify(errorBody(cause, `${idOfProcess}-${(requests++).toString(36)}`)))
    }
    guarded.set(app, guardConnections(app.server, options.connections, refusal))
  }
  const routes = rememberRoutes(app)
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, options.bodyBytesMax))
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request)
    const methods = routes.methodsOf(path)
    // A route that was asked and has found nothing, as one for files does, is no wrong method.
    if (methods.length === 0 || methods.includes(request.method)) return sendError(fail('NOT_FOUND', { method: request.method, path }), request, reply, options.bodyBytesMax)
    const allow = methods.join(', ')
    void reply.header('allow', allow)
    return sendError(fail('METHOD_NOT_ALLOWED', { method: request.method, path, allow }), request, reply, options.bodyBytesMax)
  })

  app.get('/livez', { schema: { hide: true } as never }, async () => ({ status: 'alive' }))
  app.get('/readyz', { schema: { hide: true } as never }, async () => {
    try {
      const detail = await options.ready?.()
      return { status: 'ready', ...typeof detail === 'string' ? { detail } : {} }
    } catch (error) {
      throw fail('NOT_READY', { reason: sentenceOf(error) }, error)
    }
  })
  const metrics = options.metrics
  if (metrics !== undefined) {
    app.get('/metrics', { schema: { hide: true } as never }, async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()))
  }
  return app
}

/** What is known of the connections of a server that was given a bound for them. */
export function connectionsOf (app: FastifyInstance): Connections | undefined {
  return guarded.get(app)
}

/** Listens, and turns what the system says into a sentence that names the port and the setting to change. */
export async function listen (app: FastifyInstance, address: { host: string, port: number, setting: string }): Promise<string> {
  try {
    return await app.listen({ host: address.host, port: address.port })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') throw fail('PORT_IN_USE', { ...address }, error)
    if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') throw fail('PORT_REFUSED', { ...address, reason: message }, error)
    throw error
  }
}

/** The body for an error, whoever raised it: a FirnError, or a library's error with the same fields. */
export function errorBody (error: FirnError, requestId: string): ErrorBody {
  const path = error.values?.path
  return {
    code: error.code,
    message: error.message,
    ...typeof path === 'string' && error.code !== 'NOT_FOUND' && error.code !== 'METHOD_NOT_ALLOWED' ? { path } : {},
    retryable: error.retryable,
    requestId
  }
}

function sendError (thrown: unknown, request: FastifyRequest, reply: FastifyReply, bodyBytesMax: number): FastifyReply {
  const error = knownError(thrown, request, bodyBytesMax)
  const status = error.httpStatus ?? 500
  // Whoever asks whether it is ready, twice a second, has the answer; what is in the way is said where it came up.
  if (status >= 500 && error.code !== 'NOT_READY') request.log.error({ err: thrown, requestId: request.id, code: error.code }, 'request failed')
  if (status === 408 || !willDrain(request)) closeAfter(reply)
  if ((status === 429 || status === 503) && !reply.hasHeader('retry-after')) void reply.header('retry-after', String(retryAfterSeconds))
  return reply.code(status).type('application/json; charset=utf-8').send(errorBody(error, request.id))
}

/** Whether the rest of the request's body is small enough to be read away, rather than the connection closed. */
function willDrain ({ raw }: FastifyRequest): boolean {
  if (raw.complete || raw.socket === undefined) return true
  const announced = raw.headers['content-length']
  return announced === undefined ? raw.headers['transfer-encoding'] === undefined : Number(announced) <= drainBytesMax
}

/** A peer that was answered before it has sent everything may go on sending for ever, or never again. */
function closeAfter (reply: FastifyReply): void {
  const { socket } = reply.request.raw
  void reply.header('connection', 'close')
  // Node calls this when the answer has left, and would close with the rest of the body unread.
  socket.destroySoon = () => { endSoon(socket) }
}

function lastAnswer (status: number | undefined, body: string): string {
  return `HTTP/1.1 ${status ?? 400} Error\r\ncontent-type: application/json; charset=utf-8\r\n` +
    `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`
}

function knownError (thrown: unknown, request: FastifyRequest, bodyBytesMax: number): FirnError {
  const error = thrown as Partial<FirnError> & { statusCode?: number, message?: string }
  if (typeof error?.code === 'string' && typeof error.httpStatus === 'number' && typeof error.retryable === 'boolean') return error as FirnError
  switch (error?.statusCode) {
    case 413: return fail('BODY_TOO_LARGE', { bodyBytesMax }, thrown)
    case 415: return fail('MEDIA_TYPE_UNSUPPORTED', { contentType: request.headers['content-type'] ?? 'unknown' }, thrown)
    case 408: return fail('REQUEST_TIMEOUT', {}, thrown)
    case 404: return fail('NOT_FOUND', { method: request.method, path: pathOf(request) }, thrown)
  }
  if (error?.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return new FirnError('REQUEST_INVALID', { ...runtimeErrors.REQUEST_INVALID, httpStatus: error.statusCode }, { reason: error.message ?? 'no reason given' }, thrown)
  }
  return fail('INTERNAL', {}, thrown)
}

function pathOf (request: FastifyRequest): string {
  return request.url.split('?', 1)[0] as string
}

/** Which methods a concrete path answers: Fastify itself answers 404 where HTTP asks for 405 with Allow. */
function rememberRoutes (app: FastifyInstance): { methodsOf: (path: string) => string[] } {
  const routes: Array<{ pattern: RegExp, methods: string[] }> = []
  app.addHook('onRoute', route => {
    const pattern = route.url.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/:[A-Za-z0-9_]+/g, '[^/]+').replaceAll('*', '.*')
    routes.push({ pattern: new RegExp(`^${pattern}/?$`), methods: [route.method].flat() })
  })
  return {
    methodsOf: path => [...new Set(routes.filter(route => route.pattern.test(path)).flatMap(route => route.methods))].sort()
  }
}
