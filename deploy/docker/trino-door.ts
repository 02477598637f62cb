// The way to Trino from outside: passes on what comes with a key, and refuses all else. Trino itself asks nobody here, so
// it is in a network that nothing is published from. A key comes as `Authorization: Bearer`, as the password of Basic, or
// as Trino's extra credential `key` (which clients send over plain HTTP too); it is not passed on.

import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http'
import { complain } from '../../runtime/index.ts'

const keyCharsMin = 16
const credential = 'x-trino-extra-credential'

export interface DoorOptions { readonly keys: readonly string[], readonly trino: URL }

/** Throws with a sentence when a key is too short to be one. */
export function readKeys (text: string | undefined): string[] {
  const keys = (text ?? '').split(',').map(key => key.trim()).filter(key => key !== '')
  if (keys.length === 0) throw new Error('TRINO_KEYS is not set: keys of 16 characters or more, comma-separated')
  if (keys.some(key => key.length < keyCharsMin)) throw new Error(`TRINO_KEYS holds a key of fewer than ${keyCharsMin} characters`)
  if (keys.some(key => key.includes('change-me'))) throw new Error('TRINO_KEYS is still what env.example says: put keys of your own in')
  return keys
}

/** The key that a request brings, or null. */
export function keyOf (headers: IncomingHttpHeaders): string | null {
  const [scheme = '', value = ''] = (headers.authorization ?? '').split(' ')
  if (scheme.toLowerCase() === 'bearer') return value
  if (scheme.toLowerCase() === 'basic') return Buffer.from(value, 'base64').toString().split(/:(.*)/s)[1] ?? null
  const credentials = [headers[credential] ?? []].flat().flatMap(text => text.split(',')).map(text => text.trim())
  const found = credentials.find(text => text.startsWith('key='))
  return found === undefined ? null : decodeURIComponent(found.slice('key='.length))
}

/** Compared by their hashes, so that the time tells nothing of a key. */
function isKnown (keys: readonly string[], key: string): boolean {
  const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest()
  const given = hashOf(key)
  return keys.map(known => timingSafeEqual(hashOf(known), given)).includes(true)
}

export function openDoor ({ keys, trino }: DoorOptions): Server {
  return createServer((incoming, outgoing) => {
    const refuse = (status: number, sentence: string): void => {
      if (!outgoing.headersSent) outgoing.writeHead(status, { 'content-type': 'text/plain', ...status === 401 ? { 'www-authenticate': 'Bearer' } : {} })
      outgoing.end(`${sentence}\n`)
    }
    let key: string | null = null
    try {
      key = keyOf(incoming.headers)
    } catch {
      // A credential that is no text is no key.
    }
    if (key === null || !isKnown(keys, key)) {
      incoming.resume()
      refuse(401, 'a key is needed: Authorization: Bearer KEY, the password of Basic, or the extra credential key')
      return
    }
    const { authorization: _, [credential]: __, ...headers } = incoming.headers
    const options = { host: trino.hostname, port: trino.port, method: incoming.method, path: incoming.url, headers }
    const passed = request(options, answer => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
      answer.once('error', () => { outgoing.destroy() })
    })
    passed.once('error', error => { refuse(502, `Trino does not answer: ${error.message}`) })
    outgoing.once('close', () => { passed.destroy() })
    incoming.pipe(passed)
  })
}

if (import.meta.main) {
  try {
    const server = openDoor({ keys: readKeys(process.env.TRINO_KEYS), trino: new URL(process.env.TRINO_URL ?? 'http://trino:8080') })
    server.listen(Number(process.env.TRINO_DOOR_PORT ?? 8080), '0.0.0.0')
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => { server.close(); server.closeAllConnections() })
  } catch (error) {
    complain(`trino-door: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  }
}
