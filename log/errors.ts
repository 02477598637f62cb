// Every code that the log can answer with. `retryable` says whether the same append may succeed later; the HTTP status is
// what the gateway answers. Nothing that failed is ever reported as durable.

import { defineErrors } from '../runtime/index.ts'

export const { fail, is, registry: logErrors } = defineErrors('log', {
  LOG_URL_UNSUPPORTED: { message: 'the log URL {url} names no backend: supported is file:///an/absolute/folder (the embedded log)', retryable: false },
  LOG_UNWRITABLE: { message: 'the log folder {path} cannot be used ({reason}): give this user write access to it, or set FIRN_LOG_URL to another folder', retryable: false, httpStatus: 503 },
  LOG_NETWORK_FILE_SYSTEM: { message: 'the log folder {path} is on {fileSystem}, where neither locks nor syncs can be trusted: set FIRN_LOG_URL to a folder on a local disk', retryable: false, httpStatus: 503 },
  LOG_VERSION: { message: 'the log at {path} was written in format {found}, this version reads format {expected}: run the version that wrote it, or set FIRN_LOG_URL to another folder', retryable: false },
  LOG_SETTING: { message: '{name} is {value}, but {expected} is expected', retryable: false },
  LOG_TOPIC_UNKNOWN: { message: 'the log has no topic {topic}: add it to FIRN_LOG_TOPICS and restart the service', retryable: false, httpStatus: 503 },
  LOG_TOPIC_NAME: { message: '{topic} cannot be the name of a topic: use 1 to 200 of the characters a-z A-Z 0-9 . _ -', retryable: false },
  LOG_RECORD_TOO_LARGE: { message: 'a record of {bytes} bytes does not fit into the log: at most {bytesMax} bytes', retryable: false, httpStatus: 413 },
  LOG_FULL: { message: 'the log at {path} is full ({reason}): it takes events again when the writer has committed and acknowledged what is stored; see that the writer runs, free disk space, or raise FIRN_LOG_BYTES_MAX', retryable: true, httpStatus: 503 },
  LOG_TIMEOUT: { message: 'the log at {path} did not confirm within {deadlineMs} ms ({reason}): the events may still land; send them again with the same event_id', retryable: true, httpStatus: 503 },
  LOG_FAILED: { message: 'the log at {path} could not write to the disk ({reason}) and takes nothing more: check the disk, then restart this process', retryable: false, httpStatus: 503 },
  LOG_LOCKED: { message: 'the log at {path} is locked by a process that does not move ({holder}): continue or end that process, then start again', retryable: true, httpStatus: 503 },
  LOG_DAMAGED: { message: 'the log at {path} is damaged ({what}): nothing was skipped; restore the folder from a copy, or move it away to start a new log (what the writer had not committed from it is then lost)', retryable: false, httpStatus: 503 },
  LOG_RECREATED: { message: 'the files of the log at {path} were replaced while it was open: restart this process', retryable: false, httpStatus: 503 },
  LOG_CLOSED: { message: 'the log at {path} is closed', retryable: true, httpStatus: 503 }
})
