// The gateway as an application: a function of the log, the settings and the logger, so that a test can inject requests.
// Closing answers what is under way and takes nothing new; what was answered with 202 is durable already.

import { join, resolve } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { connectionsOf, createHttpServer, createMetrics, type Connections, type Logger } from '../runtime/index.ts'
import { Budget } from './budget.ts'
import { readClientAddresses } from './client-address.ts'
import type { GatewayConfig } from './config.ts'
import { routeContract } from './contract-routes.ts'
import { allowOrigins } from './cors.ts'
import type { EventLog } from './event-log.ts'
import { eventPaths, routeEvents } from './events-route.ts'
import { measureClients, measureGateway } from './gateway-metrics.ts'
import { Overload } from './overload.ts'
import { Refusals } from './refusals.ts'
import { UnfinishedBodies } from './unfinished-bodies.ts'
import { measureSpool, type MeasuredSpool } from './spool/spool-metrics.ts'

export interface GatewayParts {
  readonly log: EventLog
  readonly config: GatewayConfig
  readonly logger: Logger
  /** What /metrics says of the spool; without it the gateway has none. */
  readonly spool?: MeasuredSpool
  /** Milliseconds since the epoch; Date.now unless a test says otherwise. */
  readonly now?: () => number
  /** Milliseconds of a clock that only goes forward, for how long a body takes; performance.now unless a test says otherwise. */
  readonly elapsedMs?: () => number
  /** The same for how long requests wait. */
  readonly waitedMs?: () => number
}

const closeLookMs = 50
const sheddingSentence = 'requests are refused with 429 until half of the room for them is free again'

export async function createGateway (parts: GatewayParts): Promise<FastifyInstance> {
  const { log, config, logger, now = Date.now, elapsedMs = () => performance.now(), waitedMs = () => performance.now() } = parts
  const metrics = createMetrics('gateway')
  const shareOf = (all: number): number => Math.ceil(all * config.FIRN_GATEWAY_ADDRESS_SHARE_PERCENT / 100)
  const bytesMax = config.FIRN_GATEWAY_UNACKNOWLEDGED_BYTES_MAX
  const budget = new Budget({ bytesMax, bytesPerShareMax: shareOf(bytesMax) })
  const unfinished = new UnfinishedBodies(config.FIRN_GATEWAY_BODY_BYTES_PER_SECOND_MIN, elapsedMs)
  // With a spool, what waits longer than its time goes there.
  const queueMsMax = config.FIRN_GATEWAY_QUEUE_MS_MAX + (parts.spool === undefined ? 0 : config.FIRN_GATEWAY_SPOOL_AFTER_MS)
  const overload = new Overload({ budget, queueMsMax, nowMs: waitedMs })
  const addresses = readClientAddresses(config.FIRN_TRUSTED_PROXIES)
  const measured = measureGateway(metrics, budget)
  if (parts.spool !== undefined) measureSpool(metrics, parts.spool)
  const app = createHttpServer({
    logger,
    bodyBytesMax: config.FIRN_GATEWAY_BODY_BYTES_MAX,
    metrics,
    headersMsMax: config.FIRN_GATEWAY_HEADERS_MS_MAX,
    requestMsMax: config.FIRN_GATEWAY_REQUEST_MS_MAX,
    connections: {
      connectionsMax: config.FIRN_GATEWAY_CONNECTIONS_MAX,
      connectionsPerShareMax: shareOf(config.FIRN_GATEWAY_CONNECTIONS_MAX),
      shareOf: addresses.shareOf,
      answerBytesPerSecondMin: config.FIRN_GATEWAY_BODY_BYTES_PER_SECOND_MIN
    },
    ready: async () => {
      const { shedding } = overload
      if (shedding !== null || budget.isShedding) throw new Error(shedding ?? sheddingSentence)
      return await log.checkReady()
    }
  })
  measureClients(metrics, { connections: connectionsOf(app) as Connections, unfinished, overload })
  app.addHook('onClose', async () => { overload.close() })
  // Otherwise Fastify asks a QUERY for its body's type before it can answer 405.
  app.addHttpMethod('QUERY', { hasBody: false, overrideExisting: true })
  // A logger of its own for each request costs more than reading the request does; error lines carry the requestId.
  app.setChildLoggerFactory(() => logger as never)
  app.addHook('onSend', (_request, reply, _payload, done) => {
    measured.countRequest(reply.statusCode)
    done()
  })
  app.addHook('onError', (_request, reply, error, done) => {
    const seconds = (error as { values?: { retryAfterSeconds?: number } }).values?.retryAfterSeconds
    if (seconds !== undefined) void reply.header('retry-after', String(seconds))
    done()
  })
  const refusals = new Refusals({
    file: join(resolve(config.FIRN_DATA_DIR), 'refusals.json'),
    onFault: error => { logger.warn({ err: error }, 'what was refused cannot be kept over a restart: its file cannot be written') }
  })
  app.addHook('onClose', async () => { await refusals.close() })
  await app.register(async scope => {
    allowOrigins(scope, config.FIRN_GATEWAY_CORS_ORIGINS, eventPaths)
    routeEvents(scope, { log, config, logger, budget, unfinished, overload, addresses, metrics: measured, refusals, now })
  })
  await routeContract(app)
  endConnectionsOnClose(app, config.FIRN_GATEWAY_CLOSE_MS_MAX)
  await app.ready()
  return app
}

/**
 * A kept-alive connection whose request ends while the server closes would hold the close until its own timeout: look for idle
 * ones until all are gone, and cut what is still busy after `closeMsMax`.
 */
function endConnectionsOnClose (app: FastifyInstance, closeMsMax: number): void {
  let look: NodeJS.Timeout | undefined
  app.addHook('preClose', done => {
    const startedMs = performance.now()
    look = setInterval(() => {
      if (performance.now() - startedMs > closeMsMax) app.server.closeAllConnections()
      else app.server.closeIdleConnections()
    }, closeLookMs)
    done()
  })
  app.server.on('close', () => { clearInterval(look) })
  app.addHook('onClose', async () => { if (!app.server.listening) clearInterval(look) })
}
