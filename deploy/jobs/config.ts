// Settings of the two steps of a daily run that ask the log: the same addresses as the services, nothing of their tuning.

import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Type, type Static } from 'typebox'
import { lakeSettings } from '../../catalog/index.ts'
import { logSettings, topicSettings } from '../../log/index.ts'
import { dataDirSetting, readConfig } from '../../runtime/index.ts'
import { writerSettings } from '../../writer/config.ts'

const { FIRN_WRITER_HOST, FIRN_WRITER_PORT } = writerSettings.properties

const schema = Type.Object({
  ...logSettings,
  ...lakeSettings,
  ...topicSettings,
  FIRN_WRITER_HOST,
  FIRN_WRITER_PORT,
  FIRN_DATA_DIR: dataDirSetting,
  FIRN_JOBS_STILL_SECONDS_MAX: Type.Integer({ default: 120, minimum: 1, maximum: 86_400, description: 'how long the writer may stand still before a job that waits for it gives up' })
})

export type TopicConfig = Readonly<Static<typeof schema>> & { readonly FIRN_LOG_URL: string }

export function readTopicConfig (command: string, argv?: string[]): TopicConfig {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_') || name in schema.properties || name === 'FIRN_LOG_LEVEL'))
  const config = readConfig(command, schema, argv === undefined ? { env } : { env, argv })
  return { ...config, FIRN_LOG_URL: config.FIRN_LOG_URL ?? pathToFileURL(resolve(config.FIRN_DATA_DIR, 'log')).href }
}
