// Who may ask: whoever sends one of the keys, or everybody where there are none. The document of the service is open. A service
// without keys that listens on this machine alone answers to this machine's names alone: a web page whose own name is made to
// point here (DNS rebinding) would otherwise read the tables through its visitor's browser.

import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { fail } from '../../errors.ts'

const open = /^\/(openapi\.json|docs)(\/|$)/

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i

export function isLoopback (host: string): boolean {
  return loopback.test(host)
}

export function askForKey (app: FastifyInstance, secret: string | undefined, host: string): void {
  if (secret === undefined) {
    if (isLoopback(host)) app.addHook('onRequest', async request => { if (!isLoopback(request.hostname)) throw fail('QUERY_HOST', { host: request.hostname.slice(0, 100) }) })
    return
  }
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
