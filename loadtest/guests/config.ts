// Flags of `npm run test:guests`.

import { Type, type Static } from 'typebox'
import { readConfig } from '../../runtime/index.ts'

const schema = Type.Object({
  short: Type.Boolean({ default: false, description: 'the form for CI: one partition transform of a kind, and without the Java library' }),
  keep: Type.Boolean({ default: false, description: 'keep the folder also when all is well' })
})

export type GuestsConfig = Readonly<Static<typeof schema>>

export function readGuestsConfig (argv?: string[]): GuestsConfig {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_')))
  return readConfig('test:guests', schema, argv === undefined ? { env } : { env, argv })
}
