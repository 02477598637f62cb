// Flags of `npm run backtest`: which rule, over which time, beside which truth. The environment is read only for what this
// command knows, so that a shell prepared for the services can run it as well.

import { Type, type Static } from 'typebox'
import { lakeSettings } from '../../../catalog/index.ts'
import { dataDirSetting, readConfig } from '../../../runtime/index.ts'
import { querySettings } from '../../query/open.ts'

const schema = Type.Object({
  rule: Type.Array(Type.String(), { default: [], description: 'a rule by its name, or a .sql file that is not installed yet; several between commas; without it all rules and fraud_alerts' }),
  from: Type.Optional(Type.String({ description: 'only what happened from this time on, such as 2026-01-31 or 2026-01-31T12:00:00Z' })),
  to: Type.Optional(Type.String({ description: 'only what happened before this time' })),
  truth: Type.Array(Type.String(), { default: [], description: 'truth-….ndjson of npm run generate, several between commas: precision and recall are printed' }),
  samples: Type.Integer({ default: 3, minimum: 0, maximum: 100, description: 'orders shown with their evidence, the highest scores first' }),
  json: Type.Boolean({ default: false, description: 'the figures as JSON' }),
  FIRN_DATA_DIR: dataDirSetting,
  ...querySettings,
  ...lakeSettings
})

export type BacktestConfig = Static<typeof schema>

export function readBacktestConfig (argv?: string[]): Readonly<BacktestConfig> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_') || name in schema.properties || name === 'FIRN_LOG_LEVEL'))
  return readConfig('backtest', schema, argv === undefined ? { env } : { env, argv })
}
