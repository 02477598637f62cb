// Flags of `npm run test:hostile`.

import { Type, type Static } from 'typebox'
import { readConfig } from '../../runtime/index.ts'

const schema = Type.Object({
  only: Type.Array(Type.String(), { default: [], description: 'attacks to play, comma-separated; all when left out' }),
  short: Type.Boolean({ default: false, description: 'overload for 10 s instead of 60' }),
  connections: Type.Integer({ default: 900, minimum: 1, maximum: 10_000, description: 'connections of the overload' }),
  keep: Type.Boolean({ default: false, description: 'keep the folder also when all is well' })
})

export type HostileConfig = Readonly<Static<typeof schema>>

export function readHostileConfig (argv?: string[]): HostileConfig {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_')))
  return readConfig('test:hostile', schema, argv === undefined ? { env } : { env, argv })
}
