// Bearer tokens for SASL/OAUTHBEARER: OAuth2 client credentials, or a signed URL as Amazon MSK takes it. librdkafka asks for
// a new one when 80 % of a token's life are over, so nothing is kept here. Refuses tokens without an end.

const tokenMsMax = 10_000
const lifetimeSecondsDefault = 300
const mskSecondsMax = 900

export interface BearerToken {
  readonly tokenValue: string
  /** When it ends, milliseconds since the epoch. */
  readonly lifetime: number
  readonly principal: string
  readonly extensions: Readonly<Record<string, string>>
}

export interface ClientCredentials { readonly url: string, readonly clientId: string, readonly clientSecret: string, readonly scope: string | null }

/** RFC 6749 §4.4. Throws an Error with the server's reason, never with the secret. */
export async function fetchToken ({ url, clientId, clientSecret, scope }: ClientCredentials, now: () => number = Date.now): Promise<BearerToken> {
  const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret, ...scope === null ? {} : { scope } })
  const answer = await fetch(url, { method: 'POST', body: form, headers: { accept: 'application/json' }, signal: AbortSignal.timeout(tokenMsMax) })
  const text = await answer.text()
  let body: { access_token?: unknown, expires_in?: unknown, error?: unknown, error_description?: unknown } = {}
  try {
    body = JSON.parse(text) as typeof body
  } catch {}
  if (!answer.ok || typeof body.access_token !== 'string') {
    throw new Error(`the token endpoint ${url} answered ${answer.status}${typeof body.error === 'string' ? ` ${body.error}` : ''}${typeof body.error_description === 'string' ? `: ${body.error_description}` : ''}`)
  }
  const seconds = typeof body.expires_in === 'number' && body.expires_in > 0 ? body.expires_in : lifetimeSecondsDefault
  return { tokenValue: body.access_token, lifetime: now() + seconds * 1000, principal: clientId, extensions: {} }
}

export interface AwsCredentials { readonly accessKeyId: string, readonly secretAccessKey: string, readonly sessionToken?: string }

/** A signed `kafka-cluster:Connect` request as base64url (AWS MSK IAM SASL signer). Credentials come from the AWS chain. */
export async function signMskToken (region: string, credentials?: AwsCredentials, now: () => number = Date.now): Promise<BearerToken> {
  const [{ SignatureV4 }, { HttpRequest }, { Sha256 }] = await Promise.all([import('@smithy/signature-v4'), import('@smithy/protocol-http'), import('@aws-crypto/sha256-js')])
  const chain = credentials === undefined ? (await import('@aws-sdk/credential-provider-node')).defaultProvider() : async () => credentials
  const hostname = `kafka.${region}.amazonaws.com`
  const signedAt = new Date(now())
  const signer = new SignatureV4({ service: 'kafka-cluster', region, credentials: chain, sha256: Sha256 })
  const request = new HttpRequest({ method: 'GET', protocol: 'https:', hostname, path: '/', headers: { host: hostname }, query: { Action: 'kafka-cluster:Connect' } })
  const { query = {} } = await signer.presign(request, { signingDate: signedAt, expiresIn: mskSecondsMax })
  const words = Object.entries({ ...query, 'User-Agent': 'firn' }).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`)
  return { tokenValue: Buffer.from(`https://${hostname}/?${words.join('&')}`).toString('base64url'), lifetime: signedAt.getTime() + mskSecondsMax * 1000, principal: '', extensions: {} }
}
