// GET /v1/refusals: what was refused lately, with samples, to the owner of a key. GET /v1/refusals/hours: counts alone, as open
// as /metrics is, for whoever adds up several gateways. Bodies that cannot be read at all are counted here, since no event of
// theirs is ever judged: a client that sends broken JSON, the wrong content type or too much is as broken as one that sends
// wrong events.

import type { FastifyInstance } from 'fastify'
import { jsonType } from './answers.ts'
import type { GatewayMetrics } from './gateway-metrics.ts'
import type { Refusals } from './refusals.ts'
import type { WriteKeys } from './write-keys.ts'

export interface RefusalsRouteContext {
  readonly refusals: Refusals
  readonly keys: WriteKeys | null
  readonly metrics: GatewayMetrics
  readonly paths: readonly string[]
  readonly now: () => number
}

export function routeRefusals (scope: FastifyInstance, { refusals, keys, metrics, paths, now }: RefusalsRouteContext): void {
  // The owner of a key sees what was refused of it; without keys everybody who may send may also see.
  scope.get('/v1/refusals', (request, reply) => {
    const key = keys?.admit(request.headers, request.url)
    return reply.header('content-type', jsonType).send(JSON.stringify({ refusals: refusals.list(key?.name) }))
  })
  scope.get('/v1/refusals/hours', (_request, reply) => reply.header('content-type', jsonType).send(JSON.stringify({ gateway: refusals.id, hours: refusals.hours() })))
  scope.addHook('onError', (request, _reply, error, done) => {
    const { code, httpStatus = 500, retryable } = error as { code?: string, httpStatus?: number, retryable?: boolean }
    // What may be taken later is no fault of the client's code.
    if (request.method === 'POST' && paths.includes(request.routeOptions.url ?? '') && httpStatus < 500 && retryable === false && typeof code === 'string') {
      const key = keys?.find(request.headers, request.url)?.name ?? null
      metrics.countBody(code)
      metrics.countOfKey(key ?? '', 0, 1)
      refusals.add(key, [{ event_id: null, code, path: null, message: error.message }], now())
    }
    done()
  })
}
