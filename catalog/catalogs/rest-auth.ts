/**
 * How requests to a REST catalog prove who sends them: a fixed bearer token, OAuth2 client credentials, or AWS signatures (rest-sigv4.ts).
 *
 * Tokens are fetched once for all who wait, renewed at 80 % of their life, and once more when the catalog refuses one early. A renewal that
 * fails while the old token is still good is no error. No secret appears in an error, nor what the token endpoint echoes of it.
 */
import { request, type Dispatcher } from 'undici'
import { CatalogError, isCatalogError, reasonOf } from '../errors.ts'

export interface OAuthOptions { readonly tokenUrl?: string, readonly clientId: string, readonly clientSecret: string, readonly scope?: string }

export interface SentRequest { readonly method: string, readonly url: string, readonly body: string | undefined, readonly headers: Readonly<Record<string, string>> }

export interface RestAuth {
  /** The headers of a request with what proves the sender. */
  sign(request: SentRequest): Promise<Record<string, string>>
  /** The catalog answered 401 or 419 to a request with these headers: true when sending it once more, signed again, can help. */
  renew(refused: Readonly<Record<string, string>>): Promise<boolean>
  /** What the catalog's configuration says about authentication. */
  learn?(config: Readonly<Record<string, string>>): void
}

const scopeDefault = 'catalog'
/** Part of a token's life after which it is renewed. */
const lifeShareMax = 0.8
/** After a renewal that failed the old token, while it is good, serves this long before the next try. */
const renewalPauseMs = 5_000
const tokenMsMax = 30_000

/** Nobody was told how to prove anything: the catalog's configuration may still hand out a token. */
export function openAuth(): RestAuth {
  let token: string | undefined
  return {
    sign: request => Promise.resolve({ ...request.headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }),
    renew: () => Promise.resolve(false),
    learn(config) { token = config['token'] }
  }
}

export function bearerAuth(token: string): RestAuth {
  return { sign: request => Promise.resolve({ ...request.headers, authorization: `Bearer ${token}` }), renew: () => Promise.resolve(false) }
}

export interface OAuthContext { readonly catalogUrl: string, readonly dispatcher: Dispatcher, readonly requestMsMax?: number | undefined, readonly clock?: (() => number) | undefined }

interface Token { readonly value: string, readonly renewAtMs: number, readonly expiresAtMs: number }

export class OAuthClient implements RestAuth {
  readonly #options: OAuthOptions
  readonly #context: OAuthContext
  readonly #nowMs: () => number
  #tokenUrl: string | undefined
  #token: Token | undefined
  #fetching: Promise<Token> | undefined

  constructor(options: OAuthOptions, context: OAuthContext) {
    this.#options = options
    this.#context = context
    this.#nowMs = context.clock ?? Date.now
    this.#tokenUrl = options.tokenUrl
  }

  async sign({ url, headers }: SentRequest): Promise<Record<string, string>> {
    // Until its configuration is known, the catalog may still name the place where tokens come from: it is asked without one first.
    if (this.#tokenUrl === undefined && this.#token === undefined && url.startsWith(`${this.#context.catalogUrl}/v1/config`)) return { ...headers }
    return { ...headers, authorization: `Bearer ${(await this.#current()).value}` }
  }

  async renew(refused: Readonly<Record<string, string>>): Promise<boolean> {
    // Somebody else may have renewed it while this request was on its way.
    if (this.#token === undefined || refused['authorization'] === `Bearer ${this.#token.value}`) await this.#fetchOnce()
    return true
  }

  learn(config: Readonly<Record<string, string>>): void {
    const named = config['oauth2-server-uri']
    if (this.#options.tokenUrl !== undefined || named === undefined || named === '') return
    this.#tokenUrl = new URL(named, `${this.#context.catalogUrl}/`).href
  }

  async #current(): Promise<Token> {
    const token = this.#token
    if (token !== undefined && this.#nowMs() < token.renewAtMs) return token
    try {
      return await this.#fetchOnce()
    } catch (error) {
      if (token === undefined || this.#nowMs() >= token.expiresAtMs) throw error
      return this.#token = { ...token, renewAtMs: Math.min(token.expiresAtMs, this.#nowMs() + renewalPauseMs) }
    }
  }

  async #fetchOnce(): Promise<Token> {
    this.#fetching ??= this.#fetch().finally(() => { this.#fetching = undefined })
    return this.#token = await this.#fetching
  }

  async #fetch(): Promise<Token> {
    const url = this.#tokenUrl ?? `${this.#context.catalogUrl}/v1/oauth/tokens`
    const { clientId, clientSecret, scope } = this.#options
    const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret, scope: scope ?? scopeDefault })
    const sentMs = this.#nowMs()
    try {
      const reply = await request(url, {
        method: 'POST',
        body: form.toString(),
        dispatcher: this.#context.dispatcher,
        signal: AbortSignal.timeout(this.#context.requestMsMax ?? tokenMsMax),
        headers: { 'accept': 'application/json', 'content-type': 'application/x-www-form-urlencoded' }
      })
      const text = await reply.body.text()
      if (reply.statusCode >= 500 || reply.statusCode === 408 || reply.statusCode === 429) throw new CatalogError('CATALOG_TOKEN_UNREACHABLE', { url: placeOf(url), reason: `status ${reply.statusCode}` })
      if (reply.statusCode !== 200) throw new CatalogError('CATALOG_TOKEN_REFUSED', { url: placeOf(url), reason: this.#withoutSecret(`status ${reply.statusCode}${reasonOfRefusal(text)}`) })
      return readToken(text, sentMs, placeOf(url))
    } catch (error) {
      throw isCatalogError(error) ? error : new CatalogError('CATALOG_TOKEN_UNREACHABLE', { url: placeOf(url), reason: reasonOf(error) })
    }
  }

  #withoutSecret(text: string): string {
    const { clientSecret } = this.#options
    const spellings = [clientSecret, encodeURIComponent(clientSecret), new URLSearchParams([['', clientSecret]]).toString().slice(1)]
    return clientSecret === '' ? text : spellings.reduce((rest, secret) => rest.replaceAll(secret, '***'), text)
  }
}

function readToken(text: string, sentMs: number, url: string): Token {
  const reply = parseObject(text)
  const value = reply['access_token']
  if (typeof value !== 'string' || value === '') throw new CatalogError('CATALOG_TOKEN_REFUSED', { url, reason: 'its reply holds no access_token' })
  const lifeMs = Number(reply['expires_in']) * 1_000
  // Who does not say how long a token lives refuses it one day with 401.
  return lifeMs > 0 ? { value, renewAtMs: sentMs + lifeMs * lifeShareMax, expiresAtMs: sentMs + lifeMs } : { value, renewAtMs: Infinity, expiresAtMs: Infinity }
}

/** OAuth2 says `{error, error_description}`, Iceberg's own endpoint sometimes `{error: {type, message}}`. */
function reasonOfRefusal(text: string): string {
  const { error, error_description: description } = parseObject(text)
  const parts = typeof error === 'object' && error !== null ? [(error as { message?: unknown }).message] : [error, description]
  return parts.filter(part => typeof part === 'string').map(part => `, ${part.slice(0, 200)}`).join('')
}

/** What is no JSON object may be a page with anything in it: it is never repeated. */
function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value as Record<string, unknown> : {}
  } catch {
    return {}
  }
}

/** An address without user, password and query: these can be secrets. */
function placeOf(url: string): string {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}
