// Flags of `npm run test:night`.

import { Type, type Static } from 'typebox'
import { readConfig } from '../../runtime/index.ts'

const schema = Type.Object({
  short: Type.Boolean({ default: false, description: 'the form for CI: one scenario of a kind' }),
  only: Type.String({ default: '', description: 'scenarios whose name has this in it' }),
  keep: Type.Boolean({ default: false, description: 'keep the folder also when all is well' })
})

export type NightConfig = Readonly<Static<typeof schema>>

export function readNightConfig (argv?: string[]): NightConfig {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_')))
  return readConfig('test:night', schema, argv === undefined ? { env } : { env, argv })
}
