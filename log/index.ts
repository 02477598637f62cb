// The front door of the log: append durably, read from an offset. The URL chooses the backend; nothing outside this
// folder knows which one it is.

import { fail } from './errors.ts'
import type { LogConfig } from './config.ts'
import type { Log } from './types.ts'
import { openEmbeddedLog, type EmbeddedLogOptions } from './embedded/embedded-log.ts'

export type * from './types.ts'
export { fail as failLog, is as isLogError, logErrors } from './errors.ts'
export { logSettings, type LogConfig } from './config.ts'
export { partitionOf, murmur2 } from './partitioner.ts'

export interface LogSettings extends EmbeddedLogOptions {}

/**
 * Opens the log at a URL: file:///folder is the embedded log.
 * Throws LOG_URL_UNSUPPORTED, LOG_UNWRITABLE, LOG_NETWORK_FILE_SYSTEM, LOG_VERSION, LOG_LOCKED, LOG_DAMAGED.
 */
export async function openLog (url: string, settings: LogSettings = {}): Promise<Log> {
  if (!URL.canParse(url)) throw fail('LOG_URL_UNSUPPORTED', { url })
  const parsed = new URL(url)
  if (parsed.protocol !== 'file:' || parsed.host !== '') throw fail('LOG_URL_UNSUPPORTED', { url })
  return await openEmbeddedLog(parsed, settings)
}

/** Opens the log with the shared settings of a process. */
export async function openLogFrom (url: string, config: LogConfig): Promise<Log> {
  return await openLog(url, {
    partitions: config.FIRN_LOG_PARTITIONS,
    bytesMax: config.FIRN_LOG_BYTES_MAX,
    retentionMs: config.FIRN_LOG_RETENTION_HOURS * 3_600_000,
    appendMsMax: config.FIRN_LOG_APPEND_MS_MAX
  })
}
