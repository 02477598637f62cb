// The document at /openapi.json, and Swagger UI over it at /docs (its assets come from this process).

import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { serviceDocument } from './document.ts'

const logo = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="40"><text x="4" y="29" font-family="sans-serif" font-size="28" font-weight="600" fill="#fff">firn</text></svg>'

export async function routeDocument (app: FastifyInstance): Promise<void> {
  const document = serviceDocument()
  const body = JSON.stringify(document)
  app.get('/openapi.json', async (_request, reply) => await reply.type('application/json; charset=utf-8').send(body))
  await app.register(swagger, { mode: 'static', specification: { document: document as never } })
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true, theme: { title: 'firn' }, logo: { type: 'image/svg+xml', content: Buffer.from(logo) } })
}
