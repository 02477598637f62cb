// The settings that every process with a log shares: spread `logSettings` into its schema, then hand the frozen
// configuration to `openLogFrom`. Bounds are the same for all processes, since they share one disk.

import { Type, type Static, type TObject } from 'typebox'

export const logSettings = {
  FIRN_LOG_URL: Type.Optional(Type.String({ description: 'where records are kept until they are rows: file:///folder is the embedded log, kafka://host:port,host:port is Kafka; $FIRN_DATA_DIR/log when not set' })),
  FIRN_LOG_PARTITIONS: Type.Integer({ default: 3, minimum: 1, maximum: 256, description: 'partitions of a topic that is created here; Kafka wants at least 3' }),
  FIRN_LOG_BYTES_MAX: Type.Integer({ default: 10 * 1024 ** 3, minimum: 1024 ** 2, maximum: 1024 ** 4, description: 'bytes of records kept by the embedded log; at the bound it refuses, it never drops' }),
  FIRN_LOG_RETENTION_HOURS: Type.Number({ default: 24, minimum: 0, maximum: 24 * 365, description: 'how long records stay after the writer has committed them; earlier when the log is nearly full' }),
  FIRN_LOG_APPEND_MS_MAX: Type.Integer({ default: 5000, minimum: 100, maximum: 60_000, description: 'an append that the disk or the brokers have not confirmed after this time is answered with 503' }),
  FIRN_KAFKA_SASL_MECHANISM: Type.Optional(Type.Union([Type.Literal('PLAIN'), Type.Literal('SCRAM-SHA-256'), Type.Literal('SCRAM-SHA-512'), Type.Literal('OAUTHBEARER'), Type.Literal('AWS_MSK_IAM')], { description: 'how we log in to Kafka; without it we do not' })),
  FIRN_KAFKA_USERNAME: Type.Optional(Type.String({ minLength: 1, description: 'user for PLAIN and SCRAM' })),
  FIRN_KAFKA_PASSWORD: Type.Optional(Type.String({ minLength: 1, secret: true, description: 'password of FIRN_KAFKA_USERNAME' })),
  FIRN_KAFKA_TLS: Type.Optional(Type.Boolean({ description: 'encrypt the connection to Kafka; on by itself with AWS_MSK_IAM or a certificate' })),
  FIRN_KAFKA_TLS_CA_FILE: Type.Optional(Type.String({ minLength: 1, description: 'PEM file of who signed the brokers\' certificates; without it those that the system trusts' })),
  FIRN_KAFKA_TLS_CERT_FILE: Type.Optional(Type.String({ minLength: 1, description: 'PEM file of our own certificate, where brokers ask for one' })),
  FIRN_KAFKA_TLS_KEY_FILE: Type.Optional(Type.String({ minLength: 1, description: 'PEM file of its key' })),
  FIRN_KAFKA_OAUTH_TOKEN_URL: Type.Optional(Type.String({ minLength: 1, description: 'where OAUTHBEARER tokens come from (OAuth2 client credentials)' })),
  FIRN_KAFKA_OAUTH_CLIENT_ID: Type.Optional(Type.String({ minLength: 1, description: 'OAuth2 client id' })),
  FIRN_KAFKA_OAUTH_CLIENT_SECRET: Type.Optional(Type.String({ minLength: 1, secret: true, description: 'OAuth2 client secret' })),
  FIRN_KAFKA_OAUTH_SCOPE: Type.Optional(Type.String({ minLength: 1, description: 'OAuth2 scope, where the server wants one' })),
  FIRN_KAFKA_AWS_REGION: Type.Optional(Type.String({ minLength: 1, description: 'region of the MSK cluster for AWS_MSK_IAM' })),
  FIRN_KAFKA_GROUP: Type.String({ default: 'firn-writer', minLength: 1, description: 'the consumer group in which writers share partitions' }),
  FIRN_KAFKA_TOPIC_CREATE: Type.Boolean({ default: true, description: 'create topics that are missing; otherwise they are asked for in one sentence' }),
  FIRN_KAFKA_REPLICATION: Type.Integer({ default: 1, minimum: 1, maximum: 32, description: 'replicas of topics that are created here; 3 in production, then 2 must be in sync' }),
  FIRN_KAFKA_RETENTION_HOURS: Type.Number({ default: 168, minimum: 1, maximum: 24 * 3650, description: 'how long topics that are created here keep records: the time that a writer may be away without loss' })
}

/** The part of a process's configuration that `openLogFrom` reads. */
export interface LogConfig extends Readonly<Partial<Omit<Static<TObject<typeof logSettings>>, 'FIRN_LOG_URL'>>> {
  readonly FIRN_LOG_PARTITIONS: number
  readonly FIRN_LOG_BYTES_MAX: number
  readonly FIRN_LOG_RETENTION_HOURS: number
  readonly FIRN_LOG_APPEND_MS_MAX: number
}
