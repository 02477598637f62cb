// The settings of `npm run ingest` and `npm run import`: what an event may be, as for the gateway, and how files are followed.

import { Type, type Static } from 'typebox'
import { acceptSettings } from '../config.ts'

const fileSettings = {
  ...acceptSettings,
  FIRN_INGEST_WAIT_SECONDS_MAX: Type.Integer({ default: 60, minimum: 1, maximum: 86_400, description: 'how long to wait for a log that is full or slow before giving up; what is done is kept' }),
  _: Type.Array(Type.String(), { description: 'files or folders' })
}

export const importSettings = Type.Object(fileSettings)

export const ingestSettings = Type.Object({
  ...fileSettings,
  watch: Type.Boolean({ default: false, description: 'stay and take what is added, until Ctrl+C' }),
  FIRN_INGEST_WATCH_MS: Type.Integer({ default: 1000, minimum: 50, maximum: 3_600_000, description: 'how often --watch looks at the folder' })
})

export type FileConfig = Readonly<Static<typeof importSettings>>
