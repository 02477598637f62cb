/**
 * The client of S3: which one speaks for a location, with which credentials, and what its failures mean.
 *
 * The SDK is loaded at the first request, so that a process on local files never pays for it. Every request is bounded: attempts, time to an
 * answer, silence in between, sockets. Vended credentials that the storage refuses are forgotten and asked for once more.
 */
import type { S3Client } from '@aws-sdk/client-s3'
import type { NodeHttpHandler } from '@smithy/node-http-handler'
import { isCatalogError } from '../errors.ts'
import { attemptsMax, toStorageError, type S3Action } from './s3-errors.ts'
import type { S3Options, StorageCredentials } from './storage.ts'
import { expiryOf, VendedCredentials } from './vended-credentials.ts'

export type S3Module = typeof import('@aws-sdk/client-s3')

const requestMsMaxDefault = 60_000
const connectMsMax = 5_000
const socketsMax = 64
/** Clients of vended credentials that are kept, one per prefix. */
const clientsMax = 200

interface Target { readonly endpoint?: string | undefined, readonly region?: string | undefined, readonly pathStyle?: boolean | undefined }

export class S3Connection {
  readonly #options: S3Options
  readonly #attemptsMax: number
  readonly #vended: VendedCredentials | null
  readonly #clients = new Map<string, S3Client>()
  #loaded: Promise<{ sdk: S3Module, handler: NodeHttpHandler }> | null = null

  constructor(options: S3Options, limits: { readonly attemptsMax?: number, readonly nowMs?: () => number } = {}) {
    this.#options = options
    this.#vended = options.vended === undefined ? null : new VendedCredentials(options.vended, limits.nowMs)
    this.#attemptsMax = limits.attemptsMax ?? attemptsMax
  }

  get isVending(): boolean {
    return this.#vended !== null
  }

  /** Where errors say that the storage is. */
  get endpoint(): string {
    return this.#options.endpoint?.replace(/\/\/[^/@]*@/, '//') ?? 'AWS S3'
  }

  /** Runs a request with the client for this (normalised) location; what goes wrong is one of our errors. */
  async send<T>(location: string, action: S3Action, run: (client: S3Client, sdk: S3Module) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      let isVended = false
      try {
        const credentials = await this.#vended?.for(location) ?? null
        isVended = credentials !== null
        return await run(await this.#client(credentials, location), (await this.#load()).sdk)
      } catch (cause) {
        const error = toStorageError(cause, action, location, this.endpoint)
        const isRefused = isCatalogError(error, 'STORAGE_CREDENTIALS_WRONG') || isCatalogError(error, 'STORAGE_CREDENTIALS_EXPIRED')
        if (!isVended || !isRefused || attempt > 1) throw error
        this.#vended?.forget(location)
        this.#clients.clear()
      }
    }
  }

  async #client(credentials: StorageCredentials | null, location: string): Promise<S3Client> {
    const target = { ...this.#options, ...(credentials === null ? {} : targetOf(credentials)) }
    const key = credentials === null ? '' : JSON.stringify([credentials.prefix, target.endpoint, target.region, target.pathStyle])
    const kept = this.#clients.get(key)
    if (kept !== undefined) return kept
    const { sdk, handler } = await this.#load()
    if (this.#clients.size >= clientsMax) this.#clients.clear()
    const identity = credentials === null ? this.#ownIdentity() : async () => identityOf(await this.#vended?.for(location) ?? credentials)
    const client = new sdk.S3Client({
      region: target.region ?? process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'] ?? 'us-east-1',
      ...(target.endpoint === undefined ? {} : { endpoint: target.endpoint }),
      forcePathStyle: target.pathStyle ?? target.endpoint !== undefined,
      followRegionRedirects: target.endpoint === undefined,
      maxAttempts: this.#attemptsMax,
      retryMode: 'standard',
      requestHandler: handler,
      ...(identity === null ? {} : { credentials: identity })
    })
    this.#clients.set(key, client)
    return client
  }

  #ownIdentity(): { accessKeyId: string, secretAccessKey: string, sessionToken?: string } | null {
    const { accessKeyId, secretAccessKey, sessionToken } = this.#options
    if (accessKeyId === undefined || secretAccessKey === undefined) return null
    return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) }
  }

  #load() {
    this.#loaded ??= (async () => {
      const [sdk, http] = await Promise.all([import('@aws-sdk/client-s3'), import('@smithy/node-http-handler')])
      const requestMsMax = this.#options.requestMsMax ?? requestMsMaxDefault
      const agent = { keepAlive: true, maxSockets: socketsMax }
      const handler = new http.NodeHttpHandler({
        connectionTimeout: connectMsMax,
        requestTimeout: requestMsMax,
        throwOnRequestTimeout: true,
        socketTimeout: requestMsMax,
        httpAgent: agent,
        httpsAgent: agent
      })
      return { sdk, handler }
    })()
    return this.#loaded
  }
}

function targetOf({ config }: StorageCredentials): Target {
  const endpoint = config['s3.endpoint']
  const region = config['client.region'] ?? config['s3.region']
  const pathStyle = config['s3.path-style-access']
  return { ...(endpoint === undefined ? {} : { endpoint }), ...(region === undefined ? {} : { region }), ...(pathStyle === undefined ? {} : { pathStyle: pathStyle === 'true' }) }
}

function identityOf(credentials: StorageCredentials) {
  const { config } = credentials
  const expiresAtMs = expiryOf(credentials)
  const sessionToken = config['s3.session-token']
  return {
    accessKeyId: config['s3.access-key-id'] ?? '',
    secretAccessKey: config['s3.secret-access-key'] ?? '',
    ...(sessionToken === undefined ? {} : { sessionToken }),
    ...(expiresAtMs === undefined ? {} : { expiration: new Date(expiresAtMs) })
  }
}
