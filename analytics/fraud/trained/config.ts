// Flags of `npm run train`. The environment is read only for what this command knows.

import { Type, type Static } from 'typebox'
import { lakeSettings } from '../../../catalog/index.ts'
import { dataDirSetting, readConfig } from '../../../runtime/index.ts'
import { querySettings } from '../../query/open.ts'

const schema = Type.Object({
  truth: Type.Array(Type.String(), { default: [], description: 'truth-….ndjson of npm run generate, several between commas: what was fraud' }),
  from: Type.Optional(Type.String({ description: 'only orders from this time on, such as 2026-01-31' })),
  to: Type.Optional(Type.String({ description: 'only orders before this time' })),
  seed: Type.Integer({ default: 1, minimum: 0, description: 'chooses the hours that are held out' }),
  held: Type.Number({ default: 0.3, minimum: 0.05, maximum: 0.9, description: 'share of hours held out to judge by' }),
  out: Type.String({ default: 'analytics/fraud/off/fraud_trained.sql', description: 'the rule file to write' }),
  FIRN_DATA_DIR: dataDirSetting,
  ...querySettings,
  ...lakeSettings
})

export type TrainConfig = Static<typeof schema>

export function readTrainConfig (argv?: string[]): Readonly<TrainConfig> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_') || name in schema.properties || name === 'FIRN_LOG_LEVEL'))
  return readConfig('train', schema, argv === undefined ? { env } : { env, argv })
}
