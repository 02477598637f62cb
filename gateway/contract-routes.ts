// The contract over HTTP: one event type's schema, the whole OpenAPI document, and Swagger UI over it (its assets come from
// this process: nothing is fetched from elsewhere). The document is made once a day.

import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { openApiDocument, schemaOf } from '../openapi/index.ts'
import { jsonType } from './answers.ts'
import { fail } from './errors.ts'

const logo = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="40"><text x="4" y="29" font-family="sans-serif" font-size="28" font-weight="600" fill="#fff">firn</text></svg>'

export async function routeContract (app: FastifyInstance): Promise<void> {
  app.get('/openapi.json', (_request, reply) => reply.type(jsonType).send(documentOfToday().bytes))
  app.get<{ Params: { event_type: string } }>('/v1/schemas/:event_type', (request, reply) => {
    const eventType = request.params.event_type
    const schema = schemaOf(eventType)
    if (schema === null) throw fail('GATEWAY_TYPE_UNKNOWN', { eventType: JSON.stringify(eventType.slice(0, 64)) })
    return reply.type(jsonType).send(JSON.stringify(schema))
  })
  await app.register(swagger, { mode: 'static', specification: { document: openApiDocument() as never } })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    // The gateway speaks plain HTTP: a browser that is told to ask for https finds no script and shows an empty page.
    transformStaticCSP: policy => policy.replace(/\s*upgrade-insecure-requests;?/, ''),
    theme: { title: 'firn' },
    logo: { type: 'image/svg+xml', content: Buffer.from(logo) },
    transformSpecificationClone: false,
    transformSpecification: () => documentOfToday().document as never
  })
}

let today: { day: string, document: object, bytes: Buffer } | null = null

/** Its examples carry today's date, so that they can be sent as they stand. One copy for all readers, slow ones too. */
function documentOfToday (): { document: object, bytes: Buffer } {
  const day = new Date().toISOString().slice(0, 10)
  if (today?.day !== day) {
    const document = openApiDocument(`${day}T00:00:00Z`)
    today = { day, document, bytes: Buffer.from(JSON.stringify(document)) }
  }
  return today
}
