// Flags of `npm run test:rebalance`.

import { Type, type Static } from 'typebox'
import { readConfig } from '../../runtime/index.ts'

const schema = Type.Object({
  short: Type.Boolean({ default: false, description: 'one round of kill, come and go instead of three, for CI' }),
  rounds: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: 'rounds of kill, come and go; 3, or 1 with --short' })),
  rate: Type.Integer({ default: 300, minimum: 1, maximum: 20_000, description: 'events per second' }),
  sessions: Type.Integer({ default: 60, minimum: 1, maximum: 2000, description: 'sessions that send at the same time, each one request after the other' }),
  keep: Type.Boolean({ default: false, description: 'keep the folder also when all is well' })
})

export type RebalanceConfig = Readonly<Omit<Static<typeof schema>, 'rounds'> & { rounds: number }>

export function readRebalanceConfig (argv?: string[]): RebalanceConfig {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_')))
  const config = readConfig('test:rebalance', schema, argv === undefined ? { env } : { env, argv })
  return Object.freeze({ ...config, rounds: config.rounds ?? (config.short ? 1 : 3) })
}
