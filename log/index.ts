// The front door of the log: append durably, read from an offset. The URL chooses the backend; nothing outside this
// folder knows which one it is.

import { fail, withoutSecret } from './errors.ts'
import type { LogConfig } from './config.ts'
import type { Log } from './types.ts'
import { openEmbeddedLog, type EmbeddedLogOptions } from './embedded/embedded-log.ts'
import type { KafkaSettings } from './kafka/connection.ts'

export type * from './types.ts'
export { fail as failLog, is as isLogError, logErrors } from './errors.ts'
export { freeBytesOf, watchForGood } from './ends-for-good.ts'
export { logSettings, type LogConfig } from './config.ts'
export { ownTopic, topicSettings, topicsChosen, topicsFound, topicsToRead, type TopicChoice } from './topics-read.ts'
export { partitionOf, murmur2 } from './partitioner.ts'

export interface LogSettings extends EmbeddedLogOptions {
  readonly kafka?: KafkaSettings
  /** Told what an operator should mend and nobody has to stop for; a warning of the process otherwise. */
  readonly warn?: (sentence: string) => void
}

/**
 * Opens the log at a URL: file:///folder is the embedded log, kafka://host:port,host:port is Kafka.
 * Throws LOG_URL_UNSUPPORTED, LOG_UNWRITABLE, LOG_NETWORK_FILE_SYSTEM, LOG_VERSION, LOG_LOCKED, LOG_DAMAGED, and for Kafka
 * LOG_KAFKA_CLIENT_MISSING, LOG_SETTING; whether its brokers answer is seen at the first use.
 */
export async function openLog (url: string, settings: LogSettings = {}): Promise<Log> {
  if (url.startsWith('kafka:')) {
    const { openKafkaLog } = await import('./kafka/kafka-log.ts')
    const { partitions, appendMsMax, kafka, warn = warnProcess } = settings
    return openKafkaLog(url, { ...kafka, warn, ...partitions === undefined ? {} : { partitions }, ...appendMsMax === undefined ? {} : { appendMsMax } })
  }
  if (!URL.canParse(url)) throw fail('LOG_URL_UNSUPPORTED', { url: withoutSecret(url) })
  const parsed = new URL(url)
  if (parsed.protocol !== 'file:' || parsed.host !== '') throw fail('LOG_URL_UNSUPPORTED', { url: withoutSecret(url) })
  return await openEmbeddedLog(parsed, settings)
}

/** Opens the log with the shared settings of a process. */
export async function openLogFrom (url: string, config: LogConfig, warn: (sentence: string) => void = warnProcess): Promise<Log> {
  return await openLog(url, {
    partitions: config.FIRN_LOG_PARTITIONS,
    bytesMax: config.FIRN_LOG_BYTES_MAX,
    retentionMs: config.FIRN_LOG_RETENTION_HOURS * 3_600_000,
    appendMsMax: config.FIRN_LOG_APPEND_MS_MAX,
    kafka: kafkaSettings(config),
    warn
  })
}

function warnProcess (sentence: string): void {
  process.emitWarning(sentence, 'FirnWarning')
}

function kafkaSettings (config: LogConfig): KafkaSettings {
  const settings = {
    saslMechanism: config.FIRN_KAFKA_SASL_MECHANISM,
    username: config.FIRN_KAFKA_USERNAME,
    password: config.FIRN_KAFKA_PASSWORD,
    tls: config.FIRN_KAFKA_TLS,
    tlsCaFile: config.FIRN_KAFKA_TLS_CA_FILE,
    tlsCertFile: config.FIRN_KAFKA_TLS_CERT_FILE,
    tlsKeyFile: config.FIRN_KAFKA_TLS_KEY_FILE,
    oauthTokenUrl: config.FIRN_KAFKA_OAUTH_TOKEN_URL,
    oauthClientId: config.FIRN_KAFKA_OAUTH_CLIENT_ID,
    oauthClientSecret: config.FIRN_KAFKA_OAUTH_CLIENT_SECRET,
    oauthScope: config.FIRN_KAFKA_OAUTH_SCOPE,
    awsRegion: config.FIRN_KAFKA_AWS_REGION,
    topicCreate: config.FIRN_KAFKA_TOPIC_CREATE,
    replication: config.FIRN_KAFKA_REPLICATION,
    retentionHours: config.FIRN_KAFKA_RETENTION_HOURS
  }
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as KafkaSettings
}
