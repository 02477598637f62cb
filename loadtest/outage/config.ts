// Flags of `npm run test:outage`.

import { Type, type Static } from 'typebox'
import { readConfig } from '../../runtime/index.ts'

const schema = Type.Object({
  short: Type.Boolean({ default: false, description: 'outages of 8 s instead of 60 s, for CI' }),
  seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 3600, description: 'how long Kafka stays away each time; 60, or 8 with --short' })),
  rate: Type.Integer({ default: 200, minimum: 1, maximum: 20_000, description: 'events per second' }),
  sessions: Type.Integer({ default: 100, minimum: 1, maximum: 2000, description: 'sessions that send at the same time, each one request after the other' }),
  cut: Type.Array(Type.String(), { default: ['killed', 'frozen', 'link'], description: 'what happens to Kafka: killed, frozen, link; comma separated' }),
  spool: Type.Array(Type.String(), { default: ['off', 'on'], description: 'whether the gateway has a spool: off, on; comma separated' }),
  keep: Type.Boolean({ default: false, description: 'keep the folder also when all is well' })
})

export type OutageConfig = Readonly<Omit<Static<typeof schema>, 'seconds'> & { seconds: number }>

const [secondsFull, secondsShort] = [60, 8]

export function readOutageConfig (argv?: string[]): OutageConfig {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_')))
  const config = readConfig('test:outage', schema, argv === undefined ? { env } : { env, argv })
  return Object.freeze({ ...config, seconds: config.seconds ?? (config.short ? secondsShort : secondsFull) })
}
