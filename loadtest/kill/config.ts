// Flags of `npm run test:kill`. A seed replays victims and delays; the exact line of code that dies is the machine's choice.

import { Type, type Static } from 'typebox'
import { readConfig } from '../../runtime/index.ts'

const schema = Type.Object({
  rounds: Type.Integer({ default: 30, minimum: 1, maximum: 10_000, description: 'kills; from 30 on at least a third of them has to fall inside a commit' }),
  seed: Type.Integer({ default: 2, minimum: 0, description: 'chooses victims and moments' }),
  rate: Type.Number({ default: 400, minimum: 1, description: 'events per second while killing' }),
  commitMs: Type.Integer({ default: 250, minimum: 10, description: 'commit interval of the writer: short, so that kills meet commits' }),
  verifyEvery: Type.Integer({ default: 5, minimum: 1, description: 'rounds between two verifications under load' }),
  keep: Type.Boolean({ default: false, description: 'keep the folder also when all is well' })
})

export type KillConfig = Readonly<Static<typeof schema>>

export function readKillConfig (argv?: string[]): KillConfig {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_')))
  return readConfig('test:kill', schema, argv === undefined ? { env } : { env, argv })
}
