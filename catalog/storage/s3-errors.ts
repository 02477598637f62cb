/**
 * What S3 answers as one of our errors. Decides by code first, then by status, since servers differ in codes; network failures come last.
 *
 * Messages carry the server's own reason, which names keys and buckets but never a secret.
 */
import { CatalogError, reasonOf, type CatalogErrorCode } from '../errors.ts'
import { parseS3 } from './s3-location.ts'

export type S3Action = 'read' | 'write' | 'delete' | 'list'

/** Attempts of one request, the first included; between them the SDK waits up to 20 s, in the mean 0.05, 0.1, 0.2 s (throttled: ten times that). */
export const attemptsMax = 5

export interface S3Failure { readonly name?: string, readonly code?: string, readonly message?: string, readonly $metadata?: { readonly httpStatusCode?: number, readonly attempts?: number }, readonly errors?: readonly unknown[] }

const codes: Readonly<Record<string, CatalogErrorCode>> = {
  NoSuchBucket: 'STORAGE_BUCKET_MISSING',
  NoSuchKey: 'STORAGE_NOT_FOUND',
  NotFound: 'STORAGE_NOT_FOUND',
  NoSuchUpload: 'STORAGE_UNWRITABLE',
  AccessDenied: 'STORAGE_DENIED',
  AllAccessDisabled: 'STORAGE_DENIED',
  AccountProblem: 'STORAGE_DENIED',
  InvalidAccessKeyId: 'STORAGE_CREDENTIALS_WRONG',
  SignatureDoesNotMatch: 'STORAGE_CREDENTIALS_WRONG',
  RequestTimeTooSkewed: 'STORAGE_CREDENTIALS_WRONG',
  InvalidToken: 'STORAGE_CREDENTIALS_WRONG',
  InvalidClientTokenId: 'STORAGE_CREDENTIALS_WRONG',
  ExpiredToken: 'STORAGE_CREDENTIALS_EXPIRED',
  ExpiredTokenException: 'STORAGE_CREDENTIALS_EXPIRED',
  TokenRefreshRequired: 'STORAGE_CREDENTIALS_EXPIRED',
  CredentialsProviderError: 'STORAGE_CREDENTIALS_MISSING',
  PermanentRedirect: 'STORAGE_REGION_WRONG',
  AuthorizationHeaderMalformed: 'STORAGE_REGION_WRONG',
  SlowDown: 'STORAGE_THROTTLED',
  SlowDownRead: 'STORAGE_THROTTLED',
  SlowDownWrite: 'STORAGE_THROTTLED',
  ServiceUnavailable: 'STORAGE_THROTTLED',
  Throttling: 'STORAGE_THROTTLED',
  ThrottlingException: 'STORAGE_THROTTLED',
  TooManyRequests: 'STORAGE_THROTTLED',
  RequestLimitExceeded: 'STORAGE_THROTTLED',
  XMinioStorageFull: 'STORAGE_FULL',
  QuotaExceeded: 'STORAGE_FULL'
}

const statuses: Readonly<Record<number, CatalogErrorCode>> = {
  301: 'STORAGE_REGION_WRONG',
  401: 'STORAGE_CREDENTIALS_WRONG',
  403: 'STORAGE_DENIED',
  404: 'STORAGE_NOT_FOUND',
  412: 'STORAGE_EXISTS',
  429: 'STORAGE_THROTTLED',
  503: 'STORAGE_THROTTLED',
  507: 'STORAGE_FULL'
}

/** `location` is what was asked for, `endpoint` where. */
export function toStorageError(error: unknown, action: S3Action, location: string, endpoint: string): CatalogError {
  if (error instanceof CatalogError) return error
  const failure = error as S3Failure
  const status = failure.$metadata?.httpStatusCode
  const code = codes[failure.name ?? ''] ?? statuses[status ?? 0] ?? (status === undefined && isOfNetwork(failure) ? 'STORAGE_UNREACHABLE' : action === 'read' || action === 'list' ? 'STORAGE_UNREADABLE' : 'STORAGE_UNWRITABLE')
  return new CatalogError(code, { location, bucket: parseS3(location).bucket, endpoint, action, attemptsMax, reason: describe(failure, status) }, error)
}

/** A lost connection, before an answer or in the middle of one. */
export function isOfNetwork(failure: S3Failure): boolean {
  return /^(E[A-Z_]+|ERR_STREAM_PREMATURE_CLOSE|UND_ERR_[A-Z_]+)$/.test(failure.code ?? '') || /^(TimeoutError|AbortError|AggregateError)$/.test(failure.name ?? '') || /socket hang up|aborted|premature close/i.test(failure.message ?? '')
}

// Node wraps the refusals of every address of a name into an error without a message.
function describe(failure: S3Failure, status: number | undefined): string {
  const inner = failure.errors?.[0]
  const text = failure.message !== undefined && failure.message !== '' && failure.message !== 'UnknownError' ? reasonOf(failure) : inner !== undefined ? reasonOf(inner) : failure.code ?? failure.name ?? 'no reason given'
  const named = failure.name !== undefined && failure.name !== 'Error' && !text.includes(failure.name) && codes[failure.name] !== undefined ? `${failure.name}: ${text}` : text
  return status === undefined ? named : `${status} ${named}`
}
