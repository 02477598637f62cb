// Every code that the ground under the services can answer with.

import { defineErrors } from './firn-error.ts'

export const { fail, is, registry: runtimeErrors } = defineErrors('runtime', {
  SETTING_UNKNOWN: { message: '{given} is not a setting of {process}{nearest}; --help lists them', retryable: false },
  SETTING_INVALID: { message: '{name} is {value}, but {expected} is expected ({why})', retryable: false },
  SETTING_MISSING: { message: '{name} is not set: {expected} is needed ({why})', retryable: false },
  PORT_IN_USE: { message: 'port {port} on {host} is in use: stop what listens there, or set {setting} to another port', retryable: false },
  PORT_REFUSED: { message: 'cannot listen on {host}:{port} ({reason}): set {setting} to an address and port that this user may open', retryable: false },
  CLOSE_TIMEOUT: { message: '{process} did not close within {closeMsMax} ms and was ended: what it had not acknowledged is read again at the next start', retryable: true },
  SERVICE_CANNOT_START: { message: '{lastWords} (the whole story is in {logFile})', retryable: false },
  SERVICE_GIVEN_UP: { message: '{service} ended {deaths} times in a row, each within {windowSeconds} s: the others go on, and it is started again every {restSeconds} s. Its last words were "{lastWords}"; the whole story is in {logFile}', retryable: true },
  SERVICE_NOT_READY: { message: '{service} was not ready within {readyMsMax} ms: its last words were "{lastWords}"; the whole story is in {logFile}', retryable: true },
  DATA_FOLDER_MOVED: { message: 'the data folder {dir} was made at {from} and still names paths there: move it back, or type `npm run relocate -- --data-dir {dir}`, which lets it belong where it is now', retryable: false },
  DATA_FOLDER_COPIED: { message: 'the data folder {dir} is a copy of {from}, which is still there: started as it is it would write into the original and delete from it. Type `npm run relocate -- --data-dir {dir}`, which makes the copy a folder of its own', retryable: false },
  DATA_FOLDER_UNREADABLE: { message: '{file}, which says where this data folder belongs, cannot be read: delete it if the folder has neither been moved nor copied', retryable: false },
  LOCK_UNAVAILABLE: { message: 'the lock {path} cannot be had ({reason}): see that its folder can be written to and lies on a local file system', retryable: false },
  NOT_FOUND: { message: 'there is nothing at {method} {path}: check the path and the address', retryable: false, httpStatus: 404 },
  METHOD_NOT_ALLOWED: { message: '{path} does not answer {method}: it answers {allow}', retryable: false, httpStatus: 405 },
  BODY_TOO_LARGE: { message: 'the body is larger than {bodyBytesMax} bytes: send less in one request', retryable: false, httpStatus: 413 },
  MEDIA_TYPE_UNSUPPORTED: { message: 'a body of type {contentType} cannot be read here: send application/json', retryable: false, httpStatus: 415 },
  REQUEST_INVALID: { message: 'the request cannot be read: {reason}', retryable: false, httpStatus: 400 },
  REQUEST_TIMEOUT: { message: 'the request did not arrive in time: send it again', retryable: true, httpStatus: 408 },
  CONNECTIONS_TOO_MANY: { message: 'this address has {connectionsMax} connections already, which is its share: close some, or keep them alive and use them again', retryable: true, httpStatus: 429 },
  NOT_READY: { message: 'the service is not ready: {reason}', retryable: true, httpStatus: 503 },
  INTERNAL: { message: 'something broke inside: the service\'s log has the reason under this requestId', retryable: true, httpStatus: 500 }
})
