// Settings and flags of `npm run models`. Only what this command needs is read from the environment, so that a shell
// prepared for the services can run it as well.

import { Type, type Static } from 'typebox'
import { lakeSettings } from '../../catalog/index.ts'
import { dataDirSetting, readConfig } from '../../runtime/index.ts'
import { querySettings } from '../query/open.ts'
import { runnerSettings } from './settings.ts'

const schema = Type.Object({
  _: Type.Array(Type.String(), { default: [], description: 'names of models; without them all' }),
  run: Type.Boolean({ default: false, description: 'bring them up to date now; without it their state is shown' }),
  only: Type.Optional(Type.String({ description: 'names of models, with commas between them: the same as the words' })),
  full: Type.Boolean({ default: false, description: 'compute them whole from the sources as they are; a table that no longer fits its model is made anew' }),
  from: Type.Optional(Type.String({ description: 'recompute the units from this day or time on as well, e.g. 2026-01-31, in UTC' })),
  dryRun: Type.Boolean({ default: false, description: 'say what is new, what is dirty and what would be written; write nothing' }),
  FIRN_DATA_DIR: dataDirSetting,
  ...runnerSettings,
  ...querySettings,
  ...lakeSettings
})

export type ModelsConfig = Readonly<Static<typeof schema>>

export function readModelsConfig (argv?: string[]): ModelsConfig {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_') || name in schema.properties || name === 'FIRN_LOG_LEVEL'))
  return readConfig('models', schema, argv === undefined ? { env } : { env, argv })
}
