// Flags of `npm run test:lake`.

import { Type, type Static } from 'typebox'
import { readConfig } from '../../runtime/index.ts'

const schema = Type.Object({
  short: Type.Boolean({ default: false, description: 'the form for CI: about 250 s on two quiet cores once everything is downloaded' }),
  log: Type.Union([Type.Literal('kafka'), Type.Literal('file')], { default: 'kafka', description: 'the log of the line; file is the embedded one, where the Kafka client cannot be had' }),
  noSpark: Type.Boolean({ default: false, description: 'leave out Spark, which needs Python 3, Java 17 or newer and 500 MB of downloads' }),
  keep: Type.Boolean({ default: false, description: 'keep the folder also when all is well' })
})

export type LakeTestConfig = Readonly<Static<typeof schema> & { steady: Load, burst: Load, foreign: Load, rounds: number, stormSeconds: number }>

export interface Load { readonly rate: number, readonly seconds: number }

export function readLakeConfig (argv?: string[]): LakeTestConfig {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_')))
  const config = readConfig('test:lake', schema, argv === undefined ? { env } : { env, argv })
  // Foreign hands: the load goes on at least as long as they need.
  return Object.freeze(config.short
    ? { ...config, steady: { rate: 200, seconds: 15 }, burst: { rate: 50, seconds: 15 }, foreign: { rate: 50, seconds: 20 }, rounds: 1, stormSeconds: 10 }
    : { ...config, steady: { rate: 300, seconds: 60 }, burst: { rate: 100, seconds: 60 }, foreign: { rate: 100, seconds: 60 }, rounds: 3, stormSeconds: 30 })
}
