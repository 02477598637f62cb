// Flags of `npm run test:evolution`.

import { Type, type Static } from 'typebox'
import { readConfig } from '../../runtime/index.ts'

const schema = Type.Object({
  short: Type.Boolean({ default: false, description: 'each phase for a few seconds' }),
  rate: Type.Number({ default: 40, minimum: 1, maximum: 2000, description: 'orders per second of each of the two producers' }),
  keep: Type.Boolean({ default: false, description: 'keep the folder also when all is well' })
})

export type EvolutionConfig = Readonly<Static<typeof schema>>

export function readEvolutionConfig (argv?: string[]): EvolutionConfig {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_')))
  return readConfig('test:evolution', schema, argv === undefined ? { env } : { env, argv })
}
