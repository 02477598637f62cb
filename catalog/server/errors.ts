/**
 * Everything that the catalog server answers besides success: the error types of Iceberg's REST specification with their status.
 *
 * Clients decide by status and type, people by the message: it names what failed, the value and, where somebody can act, what to do.
 */
import { isCatalogError, reasonOf } from '../errors.ts'
import { ChangeRefused } from '../spec/refused.ts'

export const restErrors = {
  BadRequestException: { httpStatus: 400, retryable: false, meaning: 'the request cannot be read: a member is missing, has the wrong type, or names an unknown action or requirement' },
  IllegalArgumentException: { httpStatus: 400, retryable: false, meaning: 'the change to a view would leave one that readers refuse' },
  ValidationException: { httpStatus: 400, retryable: false, meaning: 'the change would leave a table or view that readers refuse' },
  NotAuthorizedException: { httpStatus: 401, retryable: false, meaning: 'the request does not carry the token of FIRN_CATALOG_TOKEN' },
  ForbiddenException: { httpStatus: 403, retryable: false, meaning: 'a web page sent the request, or it came under a name that is not this machine\'s' },
  NoSuchNamespaceException: { httpStatus: 404, retryable: false, meaning: 'there is no such namespace' },
  NoSuchTableException: { httpStatus: 404, retryable: false, meaning: 'there is no such table' },
  NoSuchViewException: { httpStatus: 404, retryable: false, meaning: 'there is no such view' },
  NotFoundException: { httpStatus: 404, retryable: false, meaning: 'a metadata file is missing, or there is no such route' },
  MethodNotAllowedException: { httpStatus: 405, retryable: false, meaning: 'the route exists, but not with this method' },
  UnsupportedOperationException: { httpStatus: 406, retryable: false, meaning: 'the request asks for something that this server does not do' },
  AlreadyExistsException: { httpStatus: 409, retryable: false, meaning: 'the namespace, table or view exists already' },
  NamespaceNotEmptyException: { httpStatus: 409, retryable: false, meaning: 'the namespace still holds tables, views or namespaces' },
  CommitFailedException: { httpStatus: 409, retryable: true, meaning: 'somebody else changed the table first: load it again and retry' },
  PayloadTooLargeException: { httpStatus: 413, retryable: false, meaning: 'the request body is over the limit' },
  UnsupportedMediaTypeException: { httpStatus: 415, retryable: false, meaning: 'the body is not said to be application/json' },
  UnprocessableEntityException: { httpStatus: 422, retryable: false, meaning: 'the same key is both removed and updated, or the file to register cannot be read as metadata' },
  CommitStateUnknownException: { httpStatus: 500, retryable: true, meaning: 'a write to disk failed at a moment when the commit may or may not have landed: load the table to find out' },
  MetadataDamagedException: { httpStatus: 500, retryable: false, meaning: 'a metadata file cannot be read: the message names it' },
  TableBehindException: { httpStatus: 500, retryable: false, meaning: 'the warehouse holds newer metadata of the table than the catalog knows: the message says how to decide' },
  InternalServerError: { httpStatus: 500, retryable: true, meaning: 'an error that nobody expected: the log of the server has it' },
  ServiceUnavailableException: { httpStatus: 503, retryable: true, meaning: 'the server cannot write now (disk full or not writable); nothing was changed' }
} as const satisfies Record<string, { httpStatus: number, retryable: boolean, meaning: string }>

export type RestErrorType = keyof typeof restErrors

export class RestError extends Error {
  readonly type: RestErrorType
  readonly httpStatus: number
  readonly retryable: boolean

  constructor(type: RestErrorType, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'RestError'
    this.type = type
    this.httpStatus = restErrors[type].httpStatus
    this.retryable = restErrors[type].retryable
  }
}

/** The specification's `ErrorModel`. */
export function errorBody(error: RestError): { error: { message: string, type: string, code: number } } {
  return { error: { message: error.message, type: error.type, code: error.httpStatus } }
}

/** Whatever was thrown while a request was served, as what the client is told. */
export function toRestError(error: unknown): RestError {
  if (error instanceof RestError) return error
  if (error instanceof ChangeRefused) return new RestError(error.kind === 'conflict' ? 'CommitFailedException' : 'ValidationException', error.message, error)
  if (isCatalogError(error, 'STORAGE_FULL')) return new RestError('ServiceUnavailableException', error.message, error)
  if (isCatalogError(error, 'STORAGE_URL_UNSUPPORTED')) return new RestError('BadRequestException', error.message, error)
  const { statusCode, code } = error as { statusCode?: number, code?: string }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new RestError('PayloadTooLargeException', reasonOf(error), error)
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return new RestError('BadRequestException', reasonOf(error), error)
  return new RestError('InternalServerError', reasonOf(error), error)
}
