// Flags of `npm run test:alerts`. A seed replays the moments of the kills; the line of code that dies is the machine's choice.

import { Type, type Static } from 'typebox'
import { readConfig } from '../../runtime/index.ts'

const schema = Type.Object({
  rounds: Type.Integer({ default: 20, minimum: 1, maximum: 1000, description: 'kills of the process that sends alerts' }),
  alerts: Type.Integer({ default: 200, minimum: 1, maximum: 100_000, description: 'alerts that are offered over the whole run' }),
  seed: Type.Integer({ default: 1, minimum: 0, description: 'chooses the moments' }),
  keep: Type.Boolean({ default: false, description: 'keep the folder also when all is well' })
})

export type AlertsTestConfig = Readonly<Static<typeof schema>>

export function readAlertsTestConfig (argv?: string[]): AlertsTestConfig {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_')))
  return readConfig('test:alerts', schema, argv === undefined ? { env } : { env, argv })
}
