// Every code that the log can answer with. `retryable` says whether the same append may succeed later; the HTTP status is
// what the gateway answers. Nothing that failed is ever reported as durable.

import { defineErrors } from '../runtime/index.ts'

export const { fail, is, registry: logErrors } = defineErrors('log', {
  LOG_URL_UNSUPPORTED: { message: 'the log URL {url} names no backend: supported are file:///an/absolute/folder (the embedded log) and kafka://host:port,host:port', retryable: false },
  LOG_UNWRITABLE: { message: 'the log folder {path} cannot be used ({reason}): give this user write access to it, or set FIRN_LOG_URL to another folder', retryable: false, httpStatus: 503 },
  LOG_NETWORK_FILE_SYSTEM: { message: 'the log folder {path} is on {fileSystem}, where neither locks nor syncs can be trusted: set FIRN_LOG_URL to a folder on a local disk', retryable: false, httpStatus: 503 },
  LOG_VERSION: { message: 'the log at {path} was written in format {found}, this version reads format {expected}: run the version that wrote it, or set FIRN_LOG_URL to another folder', retryable: false },
  LOG_SETTING: { message: '{name} is {value}, but {expected} is expected', retryable: false },
  LOG_TOPIC_UNKNOWN: { message: 'the log has no topic {topic}: add it to FIRN_LOG_TOPICS and restart the service', retryable: false, httpStatus: 503 },
  LOG_TOPIC_NAME: { message: '{topic} cannot be the name of a topic: use 1 to 200 of the characters a-z A-Z 0-9 . _ -', retryable: false },
  LOG_RECORD_TOO_LARGE: { message: 'a record of {bytes} bytes does not fit into the log: at most {bytesMax} bytes', retryable: false, httpStatus: 413 },
  LOG_FULL: { message: 'the log at {path} is full ({reason}): it takes events again when the writer has committed and acknowledged what is stored; see that the writer runs, free disk space, or raise FIRN_LOG_BYTES_MAX', retryable: true, httpStatus: 503 },
  LOG_TIMEOUT: { message: 'the log at {path} did not confirm within {deadlineMs} ms ({reason}): the events may still land; send them again with the same event_id', retryable: true, httpStatus: 503 },
  LOG_FAILED: { message: 'the log at {path} could not write to the disk ({reason}) and takes nothing more in this process, which ends: npm start and containers start it again by themselves; check the disk, and free some of it if it is full, which is waited for. What was acknowledged is safe', retryable: false, httpStatus: 503 },
  LOG_LOCKED: { message: 'the log at {path} is locked by a process that does not move ({holder}): continue or end that process, then start again', retryable: true, httpStatus: 503 },
  LOG_DAMAGED: { message: 'the log at {path} is damaged ({what}): nothing was skipped; restore the folder from a copy, or move it away to start a new log (what the writer had not committed from it is then lost)', retryable: false, httpStatus: 503 },
  LOG_RECREATED: { message: 'the files of the log at {path} were replaced while it was open: this process ends and is started again on what lies there now', retryable: false, httpStatus: 503 },
  LOG_BUSY: { message: '{records} records wait for {url}, which is the bound: send again after a moment', retryable: true, httpStatus: 503 },
  LOG_UNREACHABLE: { message: 'Kafka at {brokers} cannot be reached ({reason}): check that it runs and FIRN_LOG_URL; it is tried again', retryable: true, httpStatus: 503 },
  LOG_UNAUTHORIZED: { message: 'Kafka at {brokers} refused our credentials ({reason}): check FIRN_KAFKA_SASL_MECHANISM, its user and password or token, and FIRN_KAFKA_TLS; it is tried again', retryable: true, httpStatus: 503 },
  LOG_FORBIDDEN: { message: 'Kafka does not allow this user to use {what} ({reason}): grant the access that SECURITY.md lists; it is tried again', retryable: true, httpStatus: 503 },
  LOG_TOPIC_NOT_CREATED: { message: 'topic {topic} does not exist and was not created ({reason}): create it with at least 3 partitions, or allow this user to (SECURITY.md) and set FIRN_KAFKA_TOPIC_CREATE=true; it is tried again', retryable: true, httpStatus: 503 },
  LOG_RECORD_REFUSED: { message: 'Kafka refused a record for {what} ({reason}): raise max.message.bytes of the topic, or lower FIRN_EVENT_BYTES_MAX', retryable: false, httpStatus: 413 },
  LOG_KAFKA: { message: 'Kafka failed on {what} ({reason}): it is tried again; if this stays, look at the log of the brokers', retryable: true, httpStatus: 503 },
  LOG_KAFKA_CLIENT_MISSING: { message: 'the native Kafka client is not installed for this Node ({reason}): run `npm run setup:kafka` once', retryable: false },
  LOG_CLOSED: { message: 'the log at {path} is closed', retryable: true, httpStatus: 503 }
})

/** An address for a message: what stands before an @ may be a password. */
export function withoutSecret (url: string): string {
  return url.replace(/\/\/[^/]*@/, '//…@')
}
