// Settings and flags of `npm run verify`: the same addresses as the services, nothing of their tuning.

import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Type, type Static } from 'typebox'
import { lakeSettings } from '../../catalog/index.ts'
import { eventSettings } from '../../openapi/index.ts'
import { logSettings, topicSettings } from '../../log/index.ts'
import { dataDirSetting, readConfig } from '../../runtime/index.ts'

const schema = Type.Object({
  ...logSettings,
  ...topicSettings,
  ...lakeSettings,
  ledger: Type.Array(Type.String(), { default: [], description: 'ledgers of senders, comma separated; by default every ledger-*.ndjson in $FIRN_DATA_DIR/loadtest' }),
  drained: Type.Boolean({ default: false, description: 'nothing may be waiting in the log: a lag is a failure' }),
  memoryMib: Type.Integer({ default: 1024, minimum: 64, maximum: 1_048_576, description: 'MiB of memory for judging; what is more lies on disk meanwhile' }),
  json: Type.Boolean({ default: false, description: 'the findings as JSON' }),
  _: Type.Array(Type.String(), { default: [], description: 'more ledgers' }),
  FIRN_DATA_DIR: dataDirSetting,
  FIRN_EVENT_AGE_DAYS_MAX: eventSettings.FIRN_EVENT_AGE_DAYS_MAX
})

export interface VerifyConfig extends Omit<Static<typeof schema>, 'FIRN_WAREHOUSE_URL' | 'FIRN_LOG_URL'> {
  readonly FIRN_WAREHOUSE_URL: string
  readonly FIRN_LOG_URL: string
}

/** `source` is the environment; settings of other processes in it are passed over. */
export function readVerifyConfig (argv?: string[], source: NodeJS.ProcessEnv = process.env): Readonly<VerifyConfig> {
  const env = Object.fromEntries(Object.entries(source).filter(([name]) => !name.startsWith('FIRN_') || name in schema.properties || name === 'FIRN_LOG_LEVEL'))
  const config = readConfig('verify', schema, argv === undefined ? { env } : { env, argv })
  const folder = (name: string): string => pathToFileURL(resolve(config.FIRN_DATA_DIR, name)).href
  return Object.freeze({
    ...config,
    ledger: [...config.ledger.filter(Boolean), ...config._],
    FIRN_WAREHOUSE_URL: config.FIRN_WAREHOUSE_URL ?? folder('warehouse'),
    FIRN_LOG_URL: config.FIRN_LOG_URL ?? folder('log')
  })
}
