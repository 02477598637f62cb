// The settings of the gateway process: type, default, bounds and one line of why for each. Read once in main.ts.
// Settings that `ingest` and `import` share stand in `acceptSettings`, so that a file is judged as a request is.

import { BlockList, isIP } from 'node:net'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Type, type Static } from 'typebox'
import { logSettings, topicSettings } from '../log/index.ts'
import { eventSettings } from '../openapi/index.ts'
import { dataDirSetting } from '../runtime/index.ts'

const mebibyte = 1024 * 1024

/** What decides whether an event is accepted, and where it goes. */
export const acceptSettings = {
  ...logSettings,
  ...eventSettings,
  FIRN_DATA_DIR: dataDirSetting,
  FIRN_LOG_TOPICS: topicSettings.FIRN_LOG_TOPICS,
  FIRN_LOG_ROUTES: Type.Array(Type.String({ pattern: '^[a-z][a-z0-9_]{0,63}=[A-Za-z0-9._-]{1,200}$' }), { default: [], description: 'topics of their own for families (clickstream, order, payment, customer) or single event types, as order=ecommerce_orders, comma-separated; each topic has to be in FIRN_LOG_TOPICS' }),
}

export const gatewaySettings = Type.Object({
  ...acceptSettings,
  FIRN_GATEWAY_HOST: Type.String({ default: '127.0.0.1', minLength: 1, description: 'the address to listen on; 0.0.0.0 opens the gateway to the network' }),
  FIRN_GATEWAY_PORT: Type.Integer({ default: 8000, minimum: 0, maximum: 65_535, description: 'the port to listen on; 0 takes a free one' }),
  FIRN_GATEWAY_BODY_BYTES_MAX: Type.Integer({ default: 8 * mebibyte, minimum: 1024, maximum: 256 * mebibyte, description: 'bytes of one request body, after inflation' }),
  FIRN_GATEWAY_EVENTS_MAX: Type.Integer({ default: 10_000, minimum: 1, maximum: 100_000, description: 'events in one request' }),
  FIRN_GATEWAY_UNACKNOWLEDGED_BYTES_MAX: Type.Integer({ default: 64 * mebibyte, minimum: 1024, maximum: 4096 * mebibyte, description: 'bytes that requests may hold until they are answered (bodies, what they are read into, records that wait for the log): four for each byte of a body that arrives, then two and 500 for each event; over it the gateway answers 429, so that memory stays bounded' }),
  FIRN_GATEWAY_UNDECLARED_TYPES_MAX: Type.Integer({ default: 50, minimum: 0, maximum: 10_000, description: 'event types that the contract does not declare, of one write key (without keys: of one address) in an hour; events of further ones are refused with GATEWAY_TYPES_MANY until it is over' }),
  FIRN_GATEWAY_QUEUE_MS_MAX: Type.Integer({ default: 1000, minimum: 50, maximum: 60_000, description: 'how long an accepted request may wait for the log, or for this process itself: under load that takes longer, further requests are answered with 503 at once, and /readyz says so' }),
  FIRN_GATEWAY_CONNECTIONS_MAX: Type.Integer({ default: 4096, minimum: 1, maximum: 1_000_000, description: 'connections that are open at a time' }),
  FIRN_GATEWAY_ADDRESS_SHARE_PERCENT: Type.Integer({ default: 50, minimum: 1, maximum: 100, description: 'how much of the connections and of the bytes that requests hold one address (of IPv6, one /64) may have; peers in FIRN_TRUSTED_PROXIES are not bounded, the addresses that they name are' }),
  FIRN_GATEWAY_HEADERS_MS_MAX: Type.Integer({ default: 20_000, minimum: 100, maximum: 600_000, description: 'how long the head of a request may take to arrive' }),
  FIRN_GATEWAY_REQUEST_MS_MAX: Type.Integer({ default: 60_000, minimum: 100, maximum: 3_600_000, description: 'how long a whole request may take to arrive' }),
  FIRN_GATEWAY_BODY_BYTES_PER_SECOND_MIN: Type.Integer({ default: 200, minimum: 0, maximum: mebibyte, description: 'a body that brings less than this for 20 s is dropped, and an answer of which a client takes less for a minute' }),
  FIRN_GATEWAY_WRITER_URL: Type.Optional(Type.String({ pattern: '^https?://', description: 'address of the writer (health endpoints): events are taken once it has found that the log is the one its table was written from, and refused while it is not; not asked when not set. `npm start` sets it' })),
  FIRN_GATEWAY_SPOOL_DIR: Type.Optional(Type.String({ minLength: 1, description: 'folder of the spool, on a local disk that outlives this process: there events wait while the log takes none; off when not set' })),
  FIRN_GATEWAY_SPOOL_BYTES_MAX: Type.Integer({ default: 1024 * mebibyte, minimum: mebibyte, maximum: 1024 * 1024 * mebibyte, description: 'bytes of events that the spool keeps; at the bound the gateway answers 503' }),
  FIRN_GATEWAY_SPOOL_AFTER_MS: Type.Integer({ default: 2000, minimum: 100, maximum: 60_000, description: 'an append that the log has not confirmed after this time goes into the spool' }),
  FIRN_GATEWAY_CLOSE_MS_MAX: Type.Integer({ default: 4000, minimum: 0, maximum: 9000, description: 'how long requests under way may take to end when the gateway closes' }),
  FIRN_GATEWAY_CORS_ORIGINS: Type.Array(Type.String(), { default: ['*'], description: 'web origins whose pages may send events, comma-separated; * is every origin, none is no page' }),
  FIRN_GATEWAY_WRITE_KEYS: Type.Optional(Type.String({ secret: true, description: 'keys that may send events: name:key or name:key:events_per_second, comma-separated; without it everybody who reaches the port may' })),
  FIRN_TRUSTED_PROXIES: Type.Array(Type.String(), { default: ['loopback'], description: 'peers whose X-Forwarded-For is believed: loopback, addresses or CIDR ranges, comma-separated, or none' })
})

export type EventConfig = Readonly<{ [K in keyof typeof acceptSettings]: Static<(typeof acceptSettings)[K]> }>
export type GatewayConfig = Readonly<Static<typeof gatewaySettings>>

/** Where the log is: FIRN_LOG_URL, or the folder `log` under FIRN_DATA_DIR. */
export function logUrlOf (config: { readonly FIRN_LOG_URL?: string, readonly FIRN_DATA_DIR: string }): string {
  return config.FIRN_LOG_URL ?? pathToFileURL(resolve(config.FIRN_DATA_DIR, 'log')).href
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/**
 * That everybody who reaches the machine may send events, in one sentence, for the gateway's start and for doctor; null when
 * the gateway listens on loopback only or wants keys.
 */
export function openToAll (config: Pick<GatewayConfig, 'FIRN_GATEWAY_HOST' | 'FIRN_GATEWAY_WRITE_KEYS'>): string | null {
  const { FIRN_GATEWAY_HOST: host, FIRN_GATEWAY_WRITE_KEYS: keys = '' } = config
  const hasKeys = keys.split(',').some(entry => entry.trim() !== '')
  if (hasKeys || isLoopback(host)) return null
  return `the gateway listens on ${host} and wants no key: everybody who reaches this machine can send events; ` +
    'set FIRN_GATEWAY_WRITE_KEYS, or FIRN_GATEWAY_HOST to 127.0.0.1'
}

function isLoopback (host: string): boolean {
  const address = host.replace(/^\[|\]$/g, '')
  const family = isIP(address)
  return family === 0 ? address.toLowerCase() === 'localhost' : loopback.check(address, family === 6 ? 'ipv6' : 'ipv4')
}

/** The first of the keys that may send; undefined where none is asked for. */
export function writeKeyOf (setting: string | undefined): string | undefined {
  return setting?.split(',')[0]?.split(':')[1]?.trim()
}
