// Every code that the gateway answers with beyond those of the contract (openapi/), of the log and of the runtime.
// `retryable` means that the same request, unchanged, may succeed later; events keep their event_id over retries.

import { defineErrors } from '../runtime/index.ts'

export const { fail, is, registry: gatewayErrors } = defineErrors('gateway', {
  GATEWAY_BODY_EMPTY: { message: 'the body is empty: send one event, an array of events, {"events": […]} or NDJSON', retryable: false, httpStatus: 400 },
  GATEWAY_NO_VALID_EVENT: { message: 'none of the {count} events is valid, the first because: {first}', retryable: false, httpStatus: 400 },
  GATEWAY_NO_EVENT: { message: 'the request holds no event: send at least one', retryable: false, httpStatus: 400 },
  GATEWAY_BODY_TOO_LARGE: { message: 'the body is larger than {bodyBytesMax} bytes{inflated}: send fewer events in one request', retryable: false, httpStatus: 413 },
  GATEWAY_BODY_CUT: { message: 'the body ended early ({reason}): send it again', retryable: true, httpStatus: 400 },
  GATEWAY_MEDIA_TYPE: { message: 'a body of type {contentType} cannot be read here: send application/json, application/x-ndjson or text/plain', retryable: false, httpStatus: 415 },
  GATEWAY_ENCODING_UNKNOWN: { message: 'the Content-Encoding {encoding} cannot be read here: send gzip, br, zstd, deflate or none', retryable: false, httpStatus: 415 },
  GATEWAY_ENCODING_DAMAGED: { message: 'the body is not valid {encoding} ({reason}): compress it again', retryable: false, httpStatus: 400 },
  GATEWAY_BUSY: { message: '{bytes} bytes of events wait for the log and the bound is {bytesMax}: send again after the time in Retry-After', retryable: true, httpStatus: 429 },
  GATEWAY_RATE: { message: 'the key {name} sends more than its {eventsPerSecond} events per second: send again after the time in Retry-After', retryable: true, httpStatus: 429 },
  GATEWAY_KEY_MISSING: { message: 'this gateway wants a write key: send it as "Authorization: Bearer KEY", as X-Write-Key, or as ?write_key=KEY', retryable: false, httpStatus: 401 },
  GATEWAY_KEY_UNKNOWN: { message: 'the write key is not known here: check the key', retryable: false, httpStatus: 401 },
  GATEWAY_LOG_FULL: { message: 'the log is full until the writer has caught up: send again after the time in Retry-After', retryable: true, httpStatus: 503 },
  GATEWAY_LOG_RECORD: { message: 'the log takes no event of that size ({reason}): send smaller events, or raise the bound of the log', retryable: false, httpStatus: 413 },
  GATEWAY_UNCONFIRMED: { message: 'the log did not confirm in time: the events may have landed; send them again with the same event_id', retryable: true, httpStatus: 503 },
  GATEWAY_LOG_OPENING: { message: 'the log has not answered yet since this gateway started: send again after the time in Retry-After', retryable: true, httpStatus: 503 },
  GATEWAY_LOG_UNCOMPARED: { message: 'the log is being compared with the table since this gateway started: send again after the time in Retry-After', retryable: true, httpStatus: 503 },
  GATEWAY_LOG_OTHER: { message: 'no events are taken until the operator has decided: {reason}', retryable: true, httpStatus: 503 },
  GATEWAY_LOG_SLOW: { message: 'the log has not confirmed within {afterMs} ms', retryable: true, httpStatus: 503 },
  GATEWAY_SPOOL_FULL: { message: 'the log does not take events ({reason}) and the spool is at its bound of {bytesMax} bytes: send again, with the same event_id, after the time in Retry-After', retryable: true, httpStatus: 503 },
  GATEWAY_SPOOL_DAMAGED: { message: 'the spool cannot read its events {from} to {to} ({reason}): nothing was skipped; restore the folder FIRN_GATEWAY_SPOOL_DIR from a copy, or move it away (its events are then lost)', retryable: false, httpStatus: 503 },
  GATEWAY_SPOOL_IN_USE: { message: 'the spool in {path} is used by another process ({pid}): give each gateway a folder of its own in FIRN_GATEWAY_SPOOL_DIR, or end that process', retryable: false },
  GATEWAY_LOG_UNAVAILABLE: { message: 'the log takes no events now: send again after the time in Retry-After', retryable: true, httpStatus: 503 },
  GATEWAY_TYPE_UNKNOWN: { message: 'the contract declares no event type {eventType}: /openapi.json lists them; undeclared types are accepted with the base fields', retryable: false, httpStatus: 404 },
  GATEWAY_SETTING: { message: '{name} cannot be read: {reason}', retryable: false },
  INGEST_FOLDER: { message: '{path} cannot be read as a folder ({reason}): name a folder of .json, .ndjson, .jsonl or .csv files', retryable: false },
  INGEST_FILE: { message: '{path} cannot be read ({reason})', retryable: false },
  INGEST_KIND: { message: '{path} is none of .json, .ndjson, .jsonl and .csv: rename it, or leave it out', retryable: false },
  INGEST_LEDGER: { message: 'the progress kept in {path} cannot be used ({reason}): restore the file; without it every line of its input would be sent again', retryable: false },
  INGEST_RUNNING: { message: 'another run (process {pid}) works with {path}: wait until it has ended, or end it', retryable: true },
  INGEST_REPORT: { message: 'rejected lines cannot be written to {path} ({reason}): give this user write access to that folder', retryable: false },
  INGEST_LOG: { message: 'the log took no events for {seconds} s ({reason}): what is done is kept; run the same command again', retryable: true },
  INGEST_LINE_TOO_LARGE: { message: 'the line has {bytes} bytes or more, an event has at most {bytesMax}', retryable: false },
  INGEST_LINE_UNREADABLE: { message: 'the line cannot be read: {reason}', retryable: false },
  INGEST_USAGE: { message: 'usage: {usage}', retryable: false }
})
