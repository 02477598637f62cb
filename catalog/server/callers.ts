/**
 * Which requests the catalog obeys. It listens beside a browser that shows any page of the web, so a request proves that no page sent it:
 * by what browsers add and pages cannot leave out (Origin, Sec-Fetch-Site), by the name that it was reached under (a page whose own name
 * is made to point here, DNS rebinding), and by a media type that no page may send without asking. Where a token is set, everybody else is
 * refused as well; beyond this machine there has to be one.
 *
 * Pure: a decision from the headers of a request.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { RestError } from './errors.ts'

export interface CallerHeaders {
  readonly 'host'?: string | undefined
  readonly 'origin'?: string | undefined
  readonly 'sec-fetch-site'?: string | string[] | undefined
  readonly 'authorization'?: string | undefined
  readonly 'content-type'?: string | undefined
  readonly 'content-length'?: string | undefined
  readonly 'transfer-encoding'?: string | undefined
}

export type CallerRule = (path: string, headers: CallerHeaders) => RestError | null

const loopbackName = /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i
const openPaths = new Set(['/livez', '/readyz', '/metrics'])

export function isLoopback(host: string): boolean {
  return loopbackName.test(host)
}

/** Null, or the sentence why a catalog may not listen there. */
export function refuseListening(host: string, token: string | undefined): string | null {
  if (token !== undefined || isLoopback(host)) return null
  return `FIRN_CATALOG_HOST is ${host}, which more than this machine can reach, and FIRN_CATALOG_TOKEN is not set: everybody there could change and delete the tables. Set a token (clients send it as \`Authorization: Bearer …\`), or listen on 127.0.0.1`
}

/** What every request is asked, in this order: no page sent it, it knows the token or the name of this machine, it says that it sends JSON. */
export function callerRule(token: string | undefined): CallerRule {
  const wanted = token === undefined ? undefined : digest(token)
  return (path, headers) => {
    const site = headers['sec-fetch-site']
    if (headers.origin !== undefined || (site !== undefined && site !== 'none')) {
      return new RestError('ForbiddenException', `Refused: a web page sent this request${headers.origin === undefined ? '' : ` (Origin: ${brief(headers.origin)})`}; the catalog answers programs only`)
    }
    const refused = wanted === undefined ? refuseName(headers.host) : openPaths.has(path) ? null : refuseToken(headers.authorization, wanted)
    return refused ?? refuseType(headers)
  }
}

function refuseName(host: string | undefined): RestError | null {
  const name = /^(\[[0-9a-f:.]+\]|[^:]+)(?::\d{1,5})?$/i.exec(host ?? '')?.[1] ?? ''
  if (isLoopback(name)) return null
  return new RestError('ForbiddenException', `Refused: the request is for ${brief(host ?? '')}, which is no name of this machine (localhost, 127.0.0.1, [::1]); set FIRN_CATALOG_TOKEN for clients that use other names`)
}

function refuseToken(authorization: string | undefined, wanted: Buffer): RestError | null {
  const given = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1]
  if (given !== undefined && timingSafeEqual(digest(given), wanted)) return null
  return new RestError('NotAuthorizedException', given === undefined ? 'Not authorized: send the catalog\'s token as `Authorization: Bearer …` (FIRN_CATALOG_TOKEN)' : 'Not authorized: the token is not the catalog\'s (FIRN_CATALOG_TOKEN)')
}

function refuseType(headers: CallerHeaders): RestError | null {
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
  const type = headers['content-type']
  if (!hasBody || /^application\/json\s*(?:;|$)/i.test(type ?? '')) return null
  return new RestError('UnsupportedMediaTypeException', `A body of type ${type === undefined ? 'unknown' : brief(type)} is not read: send content-type application/json`)
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function brief(text: string): string {
  return JSON.stringify(text.slice(0, 100))
}
