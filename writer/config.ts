// The writer's settings, read once by main.ts and passed down frozen. Bounds keep memory and disk finite whatever the
// log holds; the windows decide which events are too old and which are duplicates, and have to be the gateway's.

import { Type, type Static } from 'typebox'
import { lakeSettings } from '../catalog/index.ts'
import { logSettings, topicSettings } from '../log/index.ts'
import { eventSettings, mappingNames, type MappingName } from '../openapi/index.ts'
import { filesUsualMaxDefault } from './allot-files.ts'
import { choiceNames, type Choice } from './choices.ts'
import type { Resume } from './decide.ts'
import { fail } from './errors.ts'
import { rowsMinDefault } from './unlisted-types.ts'
import { dataDirSetting } from '../runtime/index.ts'

const resumePattern = `^(${choiceNames.join('|')})(:[A-Za-z0-9._-]+/[0-9]+(;[A-Za-z0-9._-]+/[0-9]+)*)?$`

export const writerSettings = Type.Object({
  ...logSettings,
  ...topicSettings,
  ...lakeSettings,
  ...eventSettings,
  FIRN_DATA_DIR: dataDirSetting,
  FIRN_WRITER_HOST: Type.String({ default: '127.0.0.1', description: 'address of the health and metrics endpoints' }),
  FIRN_WRITER_PORT: Type.Integer({ default: 8003, minimum: 0, maximum: 65535, description: 'port of the health and metrics endpoints' }),
  FIRN_WRITER_COMMIT_INTERVAL_MS: Type.Integer({ default: 5000, minimum: 10, maximum: 3_600_000, description: 'how long a record may wait to be a row: the commit begins early enough to land by then' }),
  FIRN_WRITER_COMMIT_ROWS_MAX: Type.Integer({ default: 150_000, minimum: 1, maximum: 5_000_000, description: 'rows of one batch; bounds memory' }),
  FIRN_WRITER_COMMIT_BYTES_MAX: Type.Integer({ default: 64 * 1024 ** 2, minimum: 64 * 1024, maximum: 4 * 1024 ** 3, description: 'bytes of records of one batch; bounds memory and staging files' }),
  FIRN_WRITER_INDEX_IDS_MAX: Type.Integer({ default: 30_000_000, minimum: 1000, maximum: 500_000_000, description: 'ids kept in memory to find duplicates (about 28 bytes each); beyond it the table is asked for older ones, which is slower' }),
  FIRN_WRITER_MEMORY_BYTES_MAX: Type.Integer({ default: 512 * 1024 ** 2, minimum: 128 * 1024 ** 2, maximum: 1024 ** 4, description: 'memory limit of DuckDB; beyond it DuckDB spills to the staging folder' }),
  FIRN_WRITER_THREADS: Type.Integer({ default: 2, minimum: 1, maximum: 64, description: 'data files written at the same time' }),
  FIRN_WRITER_STALLED_SECONDS: Type.Integer({ default: 30, minimum: 1, maximum: 86_400, description: 'how long records may wait while nothing is committed until the writer says that it is not ready; never less than three commit intervals' }),
  FIRN_WRITER_STAGING_DIR: Type.Optional(Type.String({ description: 'folder for the files of the batch in work, emptied at start; $FIRN_DATA_DIR/writer when not set' })),
  FIRN_WRITER_RESUME_FROM: Type.Optional(Type.String({ pattern: resumePattern, description: 'the operator\'s decision after a halt, applied once at this start: recorded = go on at the recorded offsets, data = go on after the newest rows in the table, earliest = read the whole log again, skip = leave damaged records out; `earliest:ecommerce_events/0` decides for that partition alone' })),
  FIRN_WRITER_START_ANEW: Type.Array(Type.String({ pattern: '^firn\\.(events|dead_letters)$' }), { default: [], description: 'the operator\'s decision about tables that were lost, comma separated: make them empty, although the log, the warehouse or the other table says that something was written to them' }),
  FIRN_EVENT_TYPES_MAX: Type.Integer({ default: 200, minimum: 1, maximum: 10_000, description: 'event types in the table; events of further types land as type unlisted' }),
  FIRN_EVENT_TYPE_ROWS_MIN: Type.Integer({ default: rowsMinDefault, minimum: 1, maximum: 1_000_000_000, description: 'events of a type that the contract does not declare after which it gets a partition of its own; those before land as type unlisted, their own type in properties.$type' }),
  FIRN_WRITER_FILES_MAX: Type.Integer({ default: filesUsualMaxDefault, minimum: 2, maximum: 10_000, description: 'data files of one commit: where its rows fall into more partitions, the small ones share one file until it is compacted' }),
  untilEnd: Type.Boolean({ default: false, description: 'drain the log to its end as of now, then exit' })
})

export type WriterConfig = Readonly<Static<typeof writerSettings>>

/** Topic → mapping. Throws WRITER_SETTING. */
export function mappingsOf (entries: readonly string[]): Record<string, MappingName> {
  return Object.fromEntries(entries.map(entry => {
    const at = entry.indexOf('=')
    const mapping = entry.slice(at + 1)
    if (!(mappingNames as readonly string[]).includes(mapping)) throw fail('WRITER_SETTING', { name: 'FIRN_LOG_MAPPINGS', value: entry, expected: `one of the mappings ${mappingNames.join(', ')} after the =` })
    return [entry.slice(0, at), mapping as MappingName]
  }))
}

/** `earliest`, or `earliest:topic/0;topic/1`. */
export function resumeOf (text: string | undefined): Resume | null {
  if (text === undefined) return null
  const [choice = '', places] = text.split(':')
  const only = places === undefined ? null : new Set(places.split(';').map(place => {
    const at = place.lastIndexOf('/')
    return `${place.slice(at + 1)}/${place.slice(0, at)}`
  }))
  return { choice: choice as Choice, only }
}
