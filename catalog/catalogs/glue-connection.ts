/**
 * The client of AWS Glue's API: loaded at the first request, one attempt per request, and what its failures mean.
 *
 * The SDK never repeats a request by itself: an update that it sent twice would answer with our own first success as a conflict (Iceberg #7151
 * lost a table that way). Reads are repeated here, changes by the commit loop alone.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { GlueClient } from '@aws-sdk/client-glue'
import { CatalogError, isCatalogError, reasonOf, type CatalogErrorCode } from '../errors.ts'
import { awsCredentials, type AwsKeys } from './aws-credentials.ts'

export interface GlueConnectionOptions extends Partial<AwsKeys> {
  readonly region: string
  /** An address that is not AWS. */
  readonly endpoint?: string
  readonly requestMsMax?: number
  readonly readAttemptsMax?: number
}

export type GlueSdk = typeof import('@aws-sdk/client-glue')
type Run<T> = (client: GlueClient, sdk: GlueSdk) => Promise<T>

const requestMsMax = 30_000
const connectMsMax = 5_000
const readAttemptsMax = 4
const readBackoffMs = 100
const throttledMs = 1_000

interface Failure { readonly name?: string, readonly message?: string, readonly $metadata?: { readonly httpStatusCode?: number } }

const codes: Readonly<Record<string, CatalogErrorCode>> = {
  UnrecognizedClientException: 'CATALOG_UNAUTHORIZED',
  InvalidClientTokenId: 'CATALOG_UNAUTHORIZED',
  InvalidSignatureException: 'CATALOG_UNAUTHORIZED',
  SignatureDoesNotMatch: 'CATALOG_UNAUTHORIZED',
  IncompleteSignature: 'CATALOG_UNAUTHORIZED',
  MissingAuthenticationTokenException: 'CATALOG_UNAUTHORIZED',
  CredentialsProviderError: 'CATALOG_CREDENTIALS_MISSING',
  ExpiredTokenException: 'CATALOG_CREDENTIALS_EXPIRED',
  ExpiredToken: 'CATALOG_CREDENTIALS_EXPIRED',
  RequestExpired: 'CATALOG_CREDENTIALS_EXPIRED',
  AccessDeniedException: 'CATALOG_DENIED',
  AccessDenied: 'CATALOG_DENIED',
  KMSKeyNotAccessibleFault: 'CATALOG_DENIED',
  ThrottlingException: 'CATALOG_THROTTLED',
  Throttling: 'CATALOG_THROTTLED',
  TooManyRequestsException: 'CATALOG_THROTTLED',
  InternalServiceException: 'CATALOG_UNREACHABLE',
  OperationTimeoutException: 'CATALOG_UNREACHABLE',
  GlueEncryptionException: 'CATALOG_UNREACHABLE',
  ResourceNotReadyException: 'CATALOG_UNREACHABLE',
  FederationSourceRetryableException: 'CATALOG_UNREACHABLE'
}

export class GlueConnection {
  readonly #options: GlueConnectionOptions
  #loaded: Promise<{ client: GlueClient, sdk: GlueSdk }> | undefined

  constructor(options: GlueConnectionOptions) {
    this.#options = options
  }

  /** Where errors say that the catalog is. */
  get address(): string {
    const { endpoint, region } = this.#options
    return endpoint?.replace(/\/\/[^/@]*@/, '//') ?? `glue://${region}`
  }

  /** A request that may be sent again without harm. */
  async read<T>(values: Readonly<Record<string, unknown>>, run: Run<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.send(values, run)
      } catch (error) {
        if (!isCatalogError(error) || !error.retryable || attempt >= (this.#options.readAttemptsMax ?? readAttemptsMax)) throw error
        await sleep(error.values['retryAfterMs'] as number | undefined ?? readBackoffMs * 2 ** attempt * (0.5 + Math.random() / 2))
      }
    }
  }

  /** One request, sent once. `values` name the table or namespace for errors; the SDK's own error is their cause. */
  async send<T>(values: Readonly<Record<string, unknown>>, run: Run<T>): Promise<T> {
    try {
      const { client, sdk } = await (this.#loaded ??= this.#load())
      return await run(client, sdk)
    } catch (error) {
      throw this.#errorOf(error, values)
    }
  }

  async #load() {
    const [sdk, { NodeHttpHandler }] = await Promise.all([import('@aws-sdk/client-glue'), import('@smithy/node-http-handler')])
    const { region, endpoint, requestMsMax: requestTimeout = requestMsMax } = this.#options
    const client = new sdk.GlueClient({
      region,
      ...(endpoint === undefined ? {} : { endpoint }),
      maxAttempts: 1,
      credentials: awsCredentials(this.#options, this.address),
      requestHandler: new NodeHttpHandler({ connectionTimeout: Math.min(connectMsMax, requestTimeout), requestTimeout, socketTimeout: requestTimeout, throwOnRequestTimeout: true })
    })
    return { client, sdk }
  }

  #errorOf(error: unknown, values: Readonly<Record<string, unknown>>): CatalogError {
    if (error instanceof CatalogError) return error
    const failure = error as Failure
    const status = failure.$metadata?.httpStatusCode
    const reason = [failure.name, failure.message].filter(text => text !== undefined && text !== '' && text !== 'Error').join(': ') || reasonOf(error)
    const all = { url: this.address, region: this.#options.region, status: status ?? 'none', request: String(values['request'] ?? 'a request'), reason, ...values }
    const code = codeOf(failure, status, values)
    return new CatalogError(code, code === 'CATALOG_THROTTLED' ? { ...all, retryAfterMs: throttledMs } : all, error)
  }
}

/** The name that Glue gives to why it refused; undefined when the error is not an answer of Glue. */
export function refusalOf(error: unknown): string | undefined {
  const cause = isCatalogError(error) ? error.cause as Failure | undefined : undefined
  return cause?.$metadata?.httpStatusCode === undefined ? undefined : cause.name
}

function codeOf({ name = '', message = '' }: Failure, status: number | undefined, values: Readonly<Record<string, unknown>>): CatalogErrorCode {
  // Who asked for a table hears that it is missing, also where its database is: only a create tells the two apart.
  if (name === 'EntityNotFoundException') return values['table'] === undefined || (values['namespace'] !== undefined && /database/i.test(message)) ? 'CATALOG_NO_SUCH_NAMESPACE' : 'CATALOG_NO_SUCH_TABLE'
  if (name === 'AlreadyExistsException') return 'CATALOG_ALREADY_EXISTS'
  const code = codes[name]
  if (code === 'CATALOG_DENIED' && /lake formation/i.test(message)) return 'CATALOG_LAKE_FORMATION_DENIED'
  if (code !== undefined) return code
  // Without a status there was no answer; with a server's failure nobody knows what became of the request.
  return status === undefined || status >= 500 || status === 408 ? 'CATALOG_UNREACHABLE' : 'CATALOG_REFUSED'
}
