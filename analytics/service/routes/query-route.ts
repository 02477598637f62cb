// POST /v1/query: one reading statement in, its rows out as JSON, CSV or Arrow. GET and DELETE /v1/queries/{id}: how it is, and
// an end to it.

import type { FastifyInstance } from 'fastify'
import type { AsOf } from '../../query/engine.ts'
import { chooseFormat } from '../formats/format.ts'
import type { Queries } from '../queries.ts'
import { answer } from './answer.ts'

export const sqlCharsMax = 100_000

export const querySchema = {
  type: 'object',
  required: ['sql'],
  additionalProperties: false,
  properties: {
    sql: { type: 'string', minLength: 1, maxLength: sqlCharsMax },
    as_of: { anyOf: [{ type: 'string', minLength: 1, maxLength: 64 }, { type: 'object', maxProperties: 100, additionalProperties: { type: 'string', pattern: '^\\d{1,20}$' } }] },
    format: { type: 'string', enum: ['json', 'csv', 'csv-raw', 'arrow'] },
    id: { type: 'string', pattern: '^[A-Za-z0-9_-]{8,64}$' }
  }
} as const

interface QueryBody { sql: string, as_of?: AsOf, format?: string, id?: string }

export function routeQueries (app: FastifyInstance, queries: Queries): void {
  app.post<{ Body: QueryBody }>('/v1/query', { schema: { body: querySchema } }, async (request, reply) => {
    const { sql, as_of: asOf, format, id } = request.body
    return await answer(queries, { id, sql, asOf, format: chooseFormat(format, request.headers.accept) }, reply)
  })
  app.get<{ Params: { id: string } }>('/v1/queries/:id', async request => queries.status(request.params.id))
  app.delete<{ Params: { id: string } }>('/v1/queries/:id', async (request, reply) => {
    const status = queries.cancel(request.params.id)
    return await reply.code(status.state === 'waiting' || status.state === 'running' ? 202 : 200).send(status)
  })
}
