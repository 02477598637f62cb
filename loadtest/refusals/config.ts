// Flags of `npm run test:refusals`.

import { Type, type Static } from 'typebox'
import { readConfig } from '../../runtime/index.ts'

const schema = Type.Object({
  only: Type.String({ default: '', description: 'only the cases whose name contains this' }),
  keep: Type.Boolean({ default: false, description: 'keep the folder also when all is well' })
})

export type RefusalsConfig = Readonly<Static<typeof schema>>

export function readRefusalsConfig (argv?: string[]): RefusalsConfig {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_')))
  return readConfig('test:refusals', schema, argv === undefined ? { env } : { env, argv })
}
