// GET /v1/orders/{order_id} and GET /v1/validated_orders/{order_id}: one order as its model has it.

import type { FastifyInstance } from 'fastify'
import { fail } from '../../errors.ts'
import { jsonOf } from '../../sql/print.ts'
import type { KeyLookup } from '../key-lookup.ts'

/** Path and model are one word. */
export const keyedModels = { orders: 'order_id', validated_orders: 'order_id' } as const

const keyCharsMax = 256

export function routeKeyed (app: FastifyInstance, lookup: KeyLookup): void {
  for (const [model, key] of Object.entries(keyedModels)) {
    app.get<{ Params: { key: string } }>(`/v1/${model}/:key`, async (request, reply) => {
      const value = request.params.key
      const left = new AbortController()
      reply.raw.once('close', () => { left.abort() })
      const found = value.length > keyCharsMax ? null : await lookup.find(model, key, value, left.signal)
      if (found === null) throw fail('ROW_UNKNOWN', { model, key, value: value.slice(0, 64) })
      return await reply
        .type('application/json; charset=utf-8')
        .header('firn-snapshots', `analytics.${model}=${found.snapshotId}`)
        .header('cache-control', 'no-store')
        .send(`{${found.names.map((name, i) => `${JSON.stringify(name)}:${jsonOf(found.row[i]!, 'texts')}`).join(',')}}\n`)
    })
  }
}
