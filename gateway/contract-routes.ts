// The contract over HTTP: one event type's schema, the whole OpenAPI document, and Swagger UI over it (its assets come from
// this process: nothing is fetched from elsewhere). The document is printed once; it does not change while a process lives.

import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { openApiDocument, schemaOf } from '../openapi/index.ts'
import { jsonType } from './answers.ts'
import { fail } from './errors.ts'

export async function routeContract (app: FastifyInstance): Promise<void> {
  const document = openApiDocument()
  const text = JSON.stringify(document)
  app.get('/openapi.json', (_request, reply) => reply.type(jsonType).send(text))
  app.get<{ Params: { event_type: string } }>('/v1/schemas/:event_type', (request, reply) => {
    const eventType = request.params.event_type
    const schema = schemaOf(eventType)
    if (schema === null) throw fail('GATEWAY_TYPE_UNKNOWN', { eventType: JSON.stringify(eventType.slice(0, 64)) })
    return reply.type(jsonType).send(JSON.stringify(schema))
  })
  await app.register(swagger, { mode: 'static', specification: { document: document as never } })
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true })
}
