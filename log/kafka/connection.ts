// How to reach the brokers and who we are: the kafka:// address and the FIRN_KAFKA_ settings as a configuration of
// librdkafka. Refuses what does not fit together before anything is connected. Secrets go into the configuration and nowhere
// else.

import { readFileSync } from 'node:fs'
import { fail, withoutSecret } from '../errors.ts'
import type { ClientConfig } from './client.ts'
import { fetchToken, signMskToken, type BearerToken } from './tokens.ts'

export type SaslMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | 'OAUTHBEARER' | 'AWS_MSK_IAM'

export interface KafkaSettings {
  readonly saslMechanism?: SaslMechanism
  readonly username?: string
  readonly password?: string
  readonly tls?: boolean
  readonly tlsCaFile?: string
  readonly tlsCertFile?: string
  readonly tlsKeyFile?: string
  readonly oauthTokenUrl?: string
  readonly oauthClientId?: string
  readonly oauthClientSecret?: string
  readonly oauthScope?: string
  readonly awsRegion?: string
  /** Partitions, replication and retention of topics that are created here. */
  readonly topicCreate?: boolean
  readonly replication?: number
  readonly retentionHours?: number
}

const reconnectMsMin = 100
const reconnectMsMax = 1000
const socketMsMax = 15_000

/** `kafka://host:9092,other:9092` → `host:9092,other:9092`. Throws LOG_URL_UNSUPPORTED. */
export function brokersOf (url: string): string {
  const match = /^kafka:\/\/([^/?#@]+)\/?$/.exec(url)
  const brokers = match?.[1]?.split(',') ?? []
  if (brokers.length === 0 || !brokers.every(broker => /^(\[[0-9a-f:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/i.test(broker))) throw fail('LOG_URL_UNSUPPORTED', { url: withoutSecret(url) })
  return brokers.join(',')
}

/** What every client of the brokers is configured with. Throws LOG_SETTING. */
export function clientConfig (brokers: string, settings: KafkaSettings): ClientConfig {
  const { saslMechanism: mechanism, tls = mechanism === 'AWS_MSK_IAM' || settings.tlsCaFile !== undefined || settings.tlsCertFile !== undefined } = settings
  const config: ClientConfig = {
    'metadata.broker.list': brokers,
    'client.id': 'firn',
    'security.protocol': mechanism === undefined ? tls ? 'ssl' : 'plaintext' : tls ? 'sasl_ssl' : 'sasl_plaintext',
    'reconnect.backoff.ms': reconnectMsMin,
    'reconnect.backoff.max.ms': reconnectMsMax,
    'socket.timeout.ms': socketMsMax,
    'socket.keepalive.enable': true,
    'allow.auto.create.topics': false
  }
  for (const [name, file, setting] of [['ssl.ca.pem', settings.tlsCaFile, 'FIRN_KAFKA_TLS_CA_FILE'], ['ssl.certificate.pem', settings.tlsCertFile, 'FIRN_KAFKA_TLS_CERT_FILE'], ['ssl.key.pem', settings.tlsKeyFile, 'FIRN_KAFKA_TLS_KEY_FILE']] as const) {
    if (file !== undefined) config[name] = readPem(setting, file)
  }
  if (mechanism === undefined) return config
  config['sasl.mechanisms'] = mechanism === 'AWS_MSK_IAM' ? 'OAUTHBEARER' : mechanism
  if (mechanism === 'OAUTHBEARER' || mechanism === 'AWS_MSK_IAM') {
    const token = tokenSource(mechanism, settings)
    config.oauthbearer_token_refresh_cb = async () => await token()
    return config
  }
  config['sasl.username'] = wanted('FIRN_KAFKA_USERNAME', settings.username, mechanism)
  config['sasl.password'] = wanted('FIRN_KAFKA_PASSWORD', settings.password, mechanism)
  return config
}

function tokenSource (mechanism: 'OAUTHBEARER' | 'AWS_MSK_IAM', settings: KafkaSettings): () => Promise<BearerToken> {
  if (mechanism === 'AWS_MSK_IAM') {
    const region = wanted('FIRN_KAFKA_AWS_REGION', settings.awsRegion, mechanism)
    return async () => await signMskToken(region)
  }
  const url = wanted('FIRN_KAFKA_OAUTH_TOKEN_URL', settings.oauthTokenUrl, mechanism)
  const clientId = wanted('FIRN_KAFKA_OAUTH_CLIENT_ID', settings.oauthClientId, mechanism)
  const clientSecret = wanted('FIRN_KAFKA_OAUTH_CLIENT_SECRET', settings.oauthClientSecret, mechanism)
  return async () => await fetchToken({ url, clientId, clientSecret, scope: settings.oauthScope ?? null })
}

function wanted (name: string, value: string | undefined, mechanism: SaslMechanism): string {
  if (value === undefined || value === '') throw fail('LOG_SETTING', { name, value: 'not set', expected: `a value, since FIRN_KAFKA_SASL_MECHANISM is ${mechanism},` })
  return value
}

function readPem (name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw fail('LOG_SETTING', { name, value: file, expected: `a readable PEM file (${(error as Error).message})` }, error)
  }
}
