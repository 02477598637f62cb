// Who may ask: whoever sends one of the keys, or everybody where there are none. The document of the service is open.

import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { fail } from '../../errors.ts'

const open = /^\/(openapi\.json|docs)(\/|$)/

export function askForKey (app: FastifyInstance, secret: string | undefined): void {
  if (secret === undefined) return
  const keys = secret.split(',').map(key => key.trim()).filter(key => key !== '').map(digest)
  app.addHook('onRequest', async (request, reply) => {
    if (open.test(request.url.split('?', 1)[0]!)) return
    const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
    if (given !== undefined && keys.some(key => timingSafeEqual(key, digest(given)))) return
    void reply.header('www-authenticate', 'Bearer')
    throw fail('QUERY_KEY_WRONG')
  })
}

function digest (text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
