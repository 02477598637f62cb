// Flags of `npm run generate`, and where its files go. The environment is read only for what this command knows.

import { join, resolve } from 'node:path'
import { Type, type Static } from 'typebox'
import { logSettings } from '../../log/index.ts'
import { dataDirSetting, readConfig, readTime } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import { gatewayAddress, gatewayUrl } from '../gateway-address.ts'

const countDefault = 500
const ratePerSecondDefault = 100

const schema = Type.Object({
  ...logSettings,
  to: Type.Union([Type.Literal('gateway'), Type.Literal('kafka'), Type.Literal('file')], { default: 'gateway', description: 'where events go; kafka is the log at FIRN_LOG_URL, past the gateway' }),
  form: Type.Union([Type.Literal('events'), Type.Literal('source')], { default: 'events', description: 'with --to kafka: events of the contract, or orders, status changes and payments as shops write them, each to its topic' }),
  topic: Type.String({ default: 'ecommerce_events', description: 'with --to kafka: the topic of events' }),
  url: Type.Optional(Type.String({ description: 'address of the gateway; the one of FIRN_GATEWAY_HOST and FIRN_GATEWAY_PORT when not set' })),
  ...gatewayAddress,
  file: Type.Optional(Type.String({ description: 'with --to file: the NDJSON file to write; by default one beside the ledger' })),
  rate: Type.Optional(Type.Number({ minimum: 0.01, maximum: 1_000_000, description: `events per second (${ratePerSecondDefault} without --interval)` })),
  interval: Type.Optional(Type.Number({ minimum: 0, description: 'milliseconds between two events, instead of --rate; 0 is as fast as it goes' })),
  count: Type.Optional(Type.Integer({ minimum: 1, description: `events in all (${countDefault} without --duration)` })),
  duration: Type.Optional(Type.Number({ minimum: 0.1, description: 'seconds after which to stop' })),
  start: Type.Optional(Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}[Tt]\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,9})?)?([Zz]|[+-]\\d{2}:\\d{2})$', description: 'with --to file: history whose first event is of this time and whose events follow at --rate, written as fast as it goes; the same seed and start give the same file' })),
  seed: Type.Integer({ default: 1, minimum: 0, description: 'the same seed plays the same shoppers' }),
  batch: Type.Integer({ default: 1, minimum: 1, maximum: 10_000, description: 'events in a request at most; a request holds events of one shopper' }),
  shoppers: Type.Integer({ default: 40, minimum: 1, maximum: 100_000, description: 'shoppers in the shop at once' }),
  fraud: Type.Number({ default: 0.03, minimum: 0, maximum: 1, description: 'share of sessions that follow a fraud pattern' }),
  late: Type.Number({ default: 0.02, minimum: 0, maximum: 1, description: 'share of events that carry an old timestamp (minutes to days)' }),
  duplicates: Type.Number({ default: 0.02, minimum: 0, maximum: 1, description: 'share of events that are sent again with the same event_id' }),
  malformed: Type.Number({ default: 0.01, minimum: 0, maximum: 1, description: 'share of broken events, which the gateway must refuse' }),
  habits: Type.Boolean({ default: false, description: 'shoppers of a shop with habits: orders that are edited, paid in parts, refunded in parts, of guests, loaded again, in odd currencies, over in one second, told by one record; what was sent is kept beside the ledger' }),
  connections: Type.Integer({ default: 32, minimum: 1, maximum: 1024, description: 'requests under way at once' }),
  quiet: Type.Boolean({ default: false, description: 'no progress bar' }),
  FIRN_DATA_DIR: dataDirSetting
})

export type GenerateConfig = Omit<Static<typeof schema>, 'count' | 'rate' | 'interval' | 'duration' | 'start' | 'url'> & {
  readonly url: string
  readonly eventsMax: number
  readonly durationMsMax: number
  /** Infinity: as fast as it goes. */
  readonly eventsPerSecond: number
  /** When an event happens, by its number; null: now. */
  readonly clock: ((event: number) => number) | null
  readonly ledgerFile: string
  readonly truthFile: string
  readonly sentFile: string
  readonly eventsFile: string
}

/** `startedAt` names the run's files, so that runs never write over each other. */
export function readGenerateConfig (startedAt: Date, argv?: string[]): Readonly<GenerateConfig> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_') || name in schema.properties || name === 'FIRN_LOG_LEVEL'))
  const config = readConfig('generate', schema, argv === undefined ? { env } : { env, argv })
  if (config.rate !== undefined && config.interval !== undefined) throw fail('LOADTEST_CONTRADICTION', { flags: '--rate and --interval' })
  const startMs = config.start === undefined ? null : readTime(config.start)?.getTime()
  if (startMs === undefined) throw fail('LOADTEST_TIME', { flag: 'start', value: config.start })
  if (startMs !== null && config.to !== 'file') throw fail('LOADTEST_CONTRADICTION', { flags: `--start and --to ${config.to}` })
  if (startMs !== null && config.interval === 0) throw fail('LOADTEST_CONTRADICTION', { flags: '--start and --interval 0' })
  const eventsPerSecond = config.interval === 0 ? Infinity : config.interval === undefined ? config.rate ?? ratePerSecondDefault : 1000 / config.interval
  const folder = resolve(config.FIRN_DATA_DIR, 'loadtest')
  const run = `${startedAt.toISOString().replaceAll(/[:.]/g, '-')}-${process.pid}`
  return Object.freeze({
    ...config,
    url: config.url ?? gatewayUrl(config),
    eventsMax: config.count ?? (config.duration === undefined ? countDefault : Infinity),
    durationMsMax: (config.duration ?? Infinity) * 1000,
    eventsPerSecond: startMs === null ? eventsPerSecond : Infinity,
    clock: startMs === null ? null : event => startMs + event * 1000 / eventsPerSecond,
    ledgerFile: join(folder, `ledger-${run}.ndjson`),
    truthFile: join(folder, `truth-${run}.ndjson`),
    sentFile: join(folder, `sent-${run}.ndjson`),
    eventsFile: resolve(config.file ?? join(folder, `events-${run}.ndjson`))
  })
}
