// POST /v1/events and its alias /events: body → checked events → one append → 202.
// Refuses what the contract refuses, event by event: the good events of a request land, the bad ones are listed.
// Invariant: 202 leaves only after the log has said that the events are durable.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Position } from '../log/index.ts'
import { contractErrors, readEvents, type CheckedEvent } from '../openapi/index.ts'
import { FirnError, type Logger } from '../runtime/index.ts'
import { appendEvents, sortEvents, type RejectedEvent } from './accept.ts'
import { jsonType, printAccepted, printAcceptedMany, printRejected } from './answers.ts'
import { formatOf, type BodyFormat } from './body-format.ts'
import { heldByEvents, type Budget } from './budget.ts'
import type { ClientAddresses } from './client-address.ts'
import type { GatewayConfig } from './config.ts'
import { fail, gatewayErrors } from './errors.ts'
import type { EventLog } from './event-log.ts'
import type { GatewayMetrics } from './gateway-metrics.ts'
import type { Overload } from './overload.ts'
import { createOrigins, type AcceptedEvent } from './records.ts'
import { readBody, type RequestBody } from './request-body.ts'
import type { Refusals } from './refusals.ts'
import { routeRefusals } from './refusals-route.ts'
import { routeTopics } from './topic-routes.ts'
import { UndeclaredTypes } from './undeclared-types.ts'
import type { UnfinishedBodies } from './unfinished-bodies.ts'
import { readWriteKeys } from './write-keys.ts'

export const eventPaths: readonly string[] = ['/v1/events', '/events']

export interface EventsRouteContext {
  readonly log: EventLog
  readonly config: GatewayConfig
  readonly logger: Logger
  readonly budget: Budget
  readonly unfinished: UnfinishedBodies
  readonly overload: Overload
  readonly addresses: ClientAddresses
  readonly metrics: GatewayMetrics
  readonly refusals: Refusals
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

const retryAfterSeconds = '1'
const warnMsMin = 1000
/** Shorter ones fit into what the system keeps for a connection. */
const longAnswerChars = 16 * 1024

export function routeEvents (scope: FastifyInstance, context: EventsRouteContext): void {
  const { log, config, logger, budget, unfinished, overload, addresses, metrics, refusals, now } = context
  const topicOf = routeTopics(config)
  const keys = readWriteKeys(config.FIRN_GATEWAY_WRITE_KEYS)
  const originOf = createOrigins('gateway')
  const limits = { budget, unfinished, bodyBytesMax: config.FIRN_GATEWAY_BODY_BYTES_MAX }
  const undeclared = new UndeclaredTypes(config.FIRN_GATEWAY_UNDECLARED_TYPES_MAX)
  let warnedMs = -Infinity

  scope.removeAllContentTypeParsers()
  for (const type of ['application/json', '*']) {
    scope.addContentTypeParser(type, (request, payload, done) => {
      try {
        formatOf(request.headers['content-type'])
        keys?.admit(request.headers, request.url)
        overload.admit()
      } catch (error) {
        payload.resume()
        throw error
      }
      const address = addresses.of(request.raw.socket.remoteAddress, request.headers['x-forwarded-for'])
      readBody(request.raw, payload, { address, share: addresses.shareOf(address) }, limits, done)
    })
  }
  for (const path of eventPaths) scope.post(path, postEvents)
  routeRefusals(scope, { refusals, keys, metrics, paths: eventPaths, now })

  function postEvents (request: FastifyRequest, reply: FastifyReply): void {
    const body = request.body as RequestBody | undefined
    if (body === undefined || body.bytes.length === 0) {
      if (body !== undefined) budget.give(body.held, body.share)
      throw fail('GATEWAY_BODY_EMPTY')
    }
    let waits = false
    let held = body.held
    try {
      const { headers } = request
      const key = keys?.admit(headers, request.url)
      const receivedAtMs = now()
      const { single, events } = readBodyEvents(body.bytes, formatOf(headers['content-type']), {
        receivedAtMs,
        futureMinutesMax: config.FIRN_EVENT_FUTURE_MINUTES_MAX,
        ageDaysMax: config.FIRN_EVENT_AGE_DAYS_MAX,
        moneyRound: config.FIRN_MONEY_ROUND,
        live: true,
        eventBytesMax: config.FIRN_EVENT_BYTES_MAX,
        eventsMax: config.FIRN_GATEWAY_EVENTS_MAX
      })
      held = heldByEvents(body.bytes.length, events.length)
      budget.correct(body.held, held, body.share)
      if (key !== undefined && key !== null) keys?.charge(key, events.length)
      const sender = key?.name ?? body.share ?? body.address ?? ''
      const { accepted, rejected } = sortEvents(events, type => undeclared.refusalOf(type, sender, receivedAtMs))
      if (rejected.length > 0) {
        metrics.countRejected(rejected)
        refusals.add(key?.name ?? null, rejected, receivedAtMs)
      }
      metrics.countOfKey(key?.name ?? '', accepted.length, rejected.length)
      if (accepted.length === 0) {
        refuse(request, reply, single, rejected, body.share)
        return
      }
      const origin = originOf(receivedAtMs, body.address, headers['user-agent'])
      const startedMs = performance.now()
      waits = true
      const ended = overload.begin()
      appendEvents(log, topicOf, accepted, origin).then(positions => {
        ended()
        budget.give(held, body.share)
        metrics.observeAppend((performance.now() - startedMs) / 1000)
        metrics.countAccepted(accepted, body.bytes.length)
        const answer = single
          ? printAccepted((accepted[0] as AcceptedEvent).eventId, positions === null ? null : positions[0] as Position)
          : printAcceptedMany(accepted.length, rejected)
        holdAnswer(reply, answer, body.share)
        reply.code(202).header('content-type', jsonType).send(answer)
      }, (error: FirnError) => {
        ended()
        budget.give(held, body.share)
        sendUnavailable(request, reply, error)
      })
    } finally {
      if (!waits) budget.give(held, body.share)
    }
  }

  /** A long answer waits in memory until its reader has taken it. */
  function holdAnswer (reply: FastifyReply, answer: string, share: string | null): void {
    if (answer.length < longAnswerChars) return
    budget.charge(answer.length, share)
    reply.raw.once('close', () => { budget.give(answer.length, share) })
  }

  function refuse (request: FastifyRequest, reply: FastifyReply, single: boolean, rejected: readonly RejectedEvent[], share: string | null): void {
    const first = rejected[0]
    if (first === undefined) throw fail('GATEWAY_NO_EVENT')
    // Nothing else is wrong: the same request may be taken later.
    const isLater = rejected.every(({ code }) => code === 'GATEWAY_TYPES_MANY')
    if (isLater) void reply.header('retry-after', retryAfterSeconds)
    const error = isLater
      ? new FirnError(first.code, { ...gatewayErrors.GATEWAY_TYPES_MANY, message: first.message }, {})
      : single
      ? new FirnError(first.code, { message: first.message, retryable: false, httpStatus: statusOf(first.code) }, {})
      : fail('GATEWAY_NO_VALID_EVENT', { count: rejected.length, first: first.message })
    const answer = printRejected(error, single ? first.path : null, rejected, request.id)
    holdAnswer(reply, answer, share)
    reply.code(error.httpStatus ?? 400).header('content-type', jsonType).send(answer)
  }

  /** The log's failures come in floods: one line a second says why, the client always hears what to do. */
  function sendUnavailable (request: FastifyRequest, reply: FastifyReply, error: FirnError): void {
    if (performance.now() - warnedMs >= warnMsMin) {
      warnedMs = performance.now()
      logger.error({ err: error.cause ?? error, code: error.code, requestId: request.id }, 'events were not accepted')
    }
    reply.code(error.httpStatus ?? 503).header('content-type', jsonType).header('retry-after', retryAfterSeconds)
      .send(JSON.stringify({ code: error.code, message: error.message, retryable: error.retryable, requestId: request.id }))
  }
}

function statusOf (code: string): number {
  return (contractErrors as Record<string, { httpStatus?: number }>)[code]?.httpStatus ?? 400
}

function readBodyEvents (bytes: Buffer, format: BodyFormat, options: Parameters<typeof readEvents>[2]): { single: boolean, events: CheckedEvent[] } {
  if (format !== 'either') return readEvents(bytes, format, options)
  try {
    return readEvents(bytes, 'json', options)
  } catch (error) {
    if (bytes.includes(0x0a)) {
      const lines = readEvents(bytes, 'ndjson', options)
      if (lines.events.some(event => event.ok)) return lines
    }
    throw error
  }
}
