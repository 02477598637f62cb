// The settings that every process with a log shares: spread `logSettings` into its schema, then hand the frozen
// configuration to `openLogFrom`. Bounds are the same for all processes, since they share one disk.

import { Type } from 'typebox'

export const logSettings = {
  FIRN_LOG_URL: Type.Optional(Type.String({ description: 'where records are kept until they are rows: file:///folder is the embedded log; $FIRN_DATA_DIR/log when not set' })),
  FIRN_LOG_PARTITIONS: Type.Integer({ default: 3, minimum: 1, maximum: 256, description: 'partitions of a topic, fixed when it is created' }),
  FIRN_LOG_BYTES_MAX: Type.Integer({ default: 10 * 1024 ** 3, minimum: 1024 ** 2, maximum: 1024 ** 4, description: 'bytes of records kept by the embedded log; at the bound it refuses, it never drops' }),
  FIRN_LOG_RETENTION_HOURS: Type.Number({ default: 24, minimum: 0, maximum: 24 * 365, description: 'how long records stay after the writer has committed them; earlier when the log is nearly full' }),
  FIRN_LOG_APPEND_MS_MAX: Type.Integer({ default: 5000, minimum: 100, maximum: 60_000, description: 'an append that the disk has not confirmed after this time is answered with 503' })
}

/** The part of a process's configuration that `openLogFrom` reads. */
export interface LogConfig {
  readonly FIRN_LOG_PARTITIONS: number
  readonly FIRN_LOG_BYTES_MAX: number
  readonly FIRN_LOG_RETENTION_HOURS: number
  readonly FIRN_LOG_APPEND_MS_MAX: number
}
