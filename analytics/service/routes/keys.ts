// Who may ask: whoever sends one of the keys, or everybody where there are none. The document of the service is open. A service
// without keys that listens on this machine alone answers to this machine's names alone: a web page whose own name is made to
// point here (DNS rebinding) would otherwise read the tables through its visitor's browser. And no page of another origin is answered, whatever it is called.

import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { fail } from '../../errors.ts'

const open = /^\/(openapi\.json|docs)(\/|$)/

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i

export function isLoopback (host: string): boolean {
  return loopback.test(host)
}

export function askForKey (app: FastifyInstance, secret: string | undefined, host: string): void {
  if (secret === undefined) {
    app.addHook('onRequest', async request => {
      if (isLoopback(host) && !isLoopback(request.hostname)) throw fail('QUERY_HOST', { host: request.hostname.slice(0, 100) })
      const page = foreignPage(request.headers)
      if (page !== null) throw fail('QUERY_ORIGIN', { origin: page })
    })
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

/** The page of another origin that asks, as its browser says; following a link is no question of that page. */
export function foreignPage (headers: IncomingHttpHeaders): string | null {
  const { origin, host } = headers
  if (origin !== undefined) return origin === `http://${host ?? ''}` || origin === `https://${host ?? ''}` ? null : origin.slice(0, 100)
  const site = headers['sec-fetch-site'] ?? 'none'
  const isOther = site !== 'none' && site !== 'same-origin' && headers['sec-fetch-mode'] !== 'navigate'
  return isOther ? 'not named' : null
}

function digest (text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
