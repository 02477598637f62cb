// Flags of `npm run loadtest`, and the settings that its verifier needs. Load goes to this machine only, unless the
// sender says that the other host is theirs.

import { isIP } from 'node:net'
import { Type, type Static } from 'typebox'
import { lakeSettings } from '../../catalog/index.ts'
import { logSettings, topicSettings } from '../../log/index.ts'
import { dataDirSetting, readConfig } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import { gatewayAddress, gatewayUrl } from '../gateway-address.ts'
import { scenarios, type Scenario } from './run.ts'

const schema = Type.Object({
  _: Type.Array(Type.String(), { default: [], description: `the load: ${scenarios.join(', ')}; steady when none is named` }),
  url: Type.Optional(Type.String({ description: 'address of the gateway; the one of FIRN_GATEWAY_HOST and FIRN_GATEWAY_PORT when not set' })),
  ...gatewayAddress,
  iOwnThisHost: Type.Boolean({ default: false, description: 'needed when --url is another machine: load is an attack when its target did not ask for it' }),
  own: Type.Boolean({ default: false, description: 'start a line of its own in a temporary folder and end it afterwards' }),
  rate: Type.Optional(Type.Number({ minimum: 1, maximum: 1_000_000, description: 'events per second (bad-input: requests per second); 300 steady, 200 the calm of burst and soak, 100 bad-input' })),
  duration: Type.Optional(Type.Number({ minimum: 3, maximum: 7 * 86_400, description: 'seconds; 60 steady and burst, 1800 soak, 30 bad-input' })),
  batch: Type.Optional(Type.Integer({ minimum: 1, maximum: 10, description: 'events in a request at most; 5' })),
  burst: Type.Optional(Type.Number({ minimum: 1, maximum: 1000, description: 'how many times the calm rate the wall of burst is; 10' })),
  seed: Type.Integer({ default: 1, minimum: 0, description: 'the same seed plays the same sessions' }),
  p95: Type.Optional(Type.Number({ minimum: 1, description: 'milliseconds that 95 of 100 requests may take; 250, burst 2000' })),
  p99: Type.Optional(Type.Number({ minimum: 1, description: 'milliseconds that 99 of 100 requests may take; 1000, burst 8000' })),
  failed: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'share of requests that may have to be sent again; 0.01, burst 0.2' })),
  noVerify: Type.Boolean({ default: false, description: 'only send: do not end with the verifier' }),
  drainSeconds: Type.Integer({ default: 60, minimum: 1, maximum: 3600, description: 'how long the writer may stand still before the wait for it ends' }),
  FIRN_DATA_DIR: dataDirSetting,
  // What the verifier has to know to find log and tables: the same as the services.
  ...logSettings,
  ...topicSettings,
  ...lakeSettings
})

export type LoadtestConfig = Readonly<Omit<Static<typeof schema>, '_' | 'url'> & { scenario: Scenario, url: string }>

/** Errors: LOADTEST_SCENARIO, LOADTEST_CONTRADICTION, LOADTEST_NOT_LOOPBACK. */
export function readLoadtestConfig (argv?: string[]): LoadtestConfig {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_') || name in schema.properties || name === 'FIRN_LOG_LEVEL'))
  const { _: words, ...given } = readConfig('loadtest', schema, argv === undefined ? { env } : { env, argv })
  const config = { ...given, url: given.url ?? gatewayUrl(given) }
  const [scenario = 'steady', ...more] = words
  if (more.length > 0) throw fail('LOADTEST_CONTRADICTION', { flags: words.join(' and ') })
  if (!isScenario(scenario)) throw fail('LOADTEST_SCENARIO', { given: JSON.stringify(scenario), known: scenarios.join(', ') })
  if (!config.own && !config.iOwnThisHost && !isLoopback(config.url)) throw fail('LOADTEST_NOT_LOOPBACK', { url: config.url })
  return Object.freeze({ ...config, scenario })
}

/** What the k6 scripts are told: only what was set, so that their own defaults hold. */
export function k6Env (config: LoadtestConfig, url: string): Record<string, string> {
  const { rate, duration, batch, burst, seed, p95, p99, failed } = config
  const values = { URL: url, RATE: rate, DURATION: duration, BATCH: batch, BURST: burst, SEED: seed, P95_MS: p95, P99_MS: p99, FAILED_MAX: failed }
  return Object.fromEntries(Object.entries(values).flatMap(([name, value]) => value === undefined ? [] : [[name, String(value)]]))
}

export function isLoopback (url: string): boolean {
  const host = URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '').toLowerCase() : ''
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

function isScenario (word: string): word is Scenario {
  return (scenarios as readonly string[]).includes(word)
}
