// The settings of alerts: spread `alertSettings` into a process's schema and hand the frozen configuration to `openAlerts`.
// Without FIRN_MAIL_URL and FIRN_ALERT_WEBHOOK_URL alerts are told on the terminal only, and the ledger says so.

import { Type, type Static, type TObject } from 'typebox'

export const alertSettings = {
  FIRN_MAIL_URL: Type.Optional(Type.String({ pattern: '^smtps?://', secret: true, description: 'the mail server for alerts: smtp://user:password@host:587 or smtps://…:465; without it alerts are told on the terminal only' })),
  FIRN_MAIL_FROM: Type.String({ default: 'firn@localhost', pattern: '^[^\\r\\n]*@[^\\r\\n]+$', description: 'the sender of alerts; its domain ends the Message-IDs' }),
  FIRN_ALERT_TO: Type.Array(Type.String({ pattern: '^[^\\r\\n]+@[^\\r\\n]+$' }), { default: ['alerts@localhost'], description: 'who gets alerts by mail, separated by commas' }),
  FIRN_ALERT_WEBHOOK_URL: Type.Optional(Type.String({ pattern: '^https?://', secret: true, description: 'alerts are also posted there in the form that Slack, Mattermost and others read' })),
  FIRN_ALERT_DIGEST_MINUTE_MAX: Type.Integer({ default: 20, minimum: 1, maximum: 1_000_000, description: 'single alerts in a minute and channel; more become one message that lists them' }),
  FIRN_ALERT_DIGEST_SECONDS: Type.Integer({ default: 60, minimum: 1, maximum: 86_400, description: 'at least this long between two such messages' }),
  FIRN_ALERT_UPDATE_SECONDS: Type.Integer({ default: 300, minimum: 0, maximum: 86_400, description: 'an alert whose score grows is told again at most this often, as a reply' }),
  FIRN_ALERT_BACKLOG_HOURS: Type.Number({ default: 24, minimum: 0, maximum: 24 * 3650, description: 'alerts about events older than this get no message of their own: one message lists them' }),
  FIRN_ALERT_RETRY_MINUTES_MAX: Type.Number({ default: 60, minimum: 0, maximum: 60 * 24 * 30, description: 'an alert that could not be sent for this long is told as stuck in the log and in the metrics; it stays in the outbox and is tried on' }),
  FIRN_ALERT_QUEUE_MAX: Type.Integer({ default: 10_000, minimum: 10, maximum: 1_000_000, description: 'alerts that wait to be sent; what does not fit stays in its table' }),
  FIRN_ALERT_LEDGER_MAX: Type.Integer({ default: 200_000, minimum: 1000, maximum: 5_000_000, description: 'alerts that are remembered as told; the oldest go first, and what is older than they were is not told again' }),
  FIRN_ALERT_WATCH_URLS: Type.Array(Type.String({ pattern: '^https?://' }), { default: ['http://127.0.0.1:8000', 'http://127.0.0.1:8003'], description: 'services whose /metrics are watched for alerts about the line: gateway and writer; behind a name that has several addresses each is watched by itself' }),
  FIRN_ALERT_HOLD_SECONDS: Type.Integer({ default: 30, minimum: 0, maximum: 86_400, description: 'how long something has to be wrong, or right again, until that is told' }),
  FIRN_ALERT_LAG_RECORDS_MAX: Type.Integer({ default: 100_000, minimum: 1, maximum: 1e12, description: 'records that the writer may be behind until that is an alert' }),
  FIRN_ALERT_STALLED_SECONDS_MAX: Type.Number({ default: 30, minimum: 1, maximum: 86_400, description: 'how long records may wait while the writer commits nothing until that is an alert' }),
  FIRN_ALERT_FRESHNESS_SECONDS_MAX: Type.Number({ default: 60, minimum: 0.1, maximum: 86_400, description: 'how long the slowest 1 % of rows may take from arrival to the table until that is an alert' }),
  FIRN_ALERT_SPOOL_PERCENT_MAX: Type.Number({ default: 50, minimum: 0, maximum: 100, description: 'how full the spool of a gateway may be until that is an alert' }),
  FIRN_ALERT_DEAD_LETTERS_PERCENT_MAX: Type.Number({ default: 5, minimum: 0, maximum: 100, description: 'dead letters among the records of the last minutes until that is an alert' }),
  FIRN_ALERT_QUALITY_ROWS_MIN: Type.Integer({ default: 100, minimum: 1, maximum: 1e9, description: 'rows of an event type in an hour below which data quality is not judged' }),
  FIRN_ALERT_MISSING_PERCENT_MAX: Type.Number({ default: 10, minimum: 0, maximum: 100, description: 'rows of an hour that lack a field that they should have, until that is an alert' }),
  FIRN_ALERT_DUPLICATES_PERCENT_MAX: Type.Number({ default: 20, minimum: 0, maximum: 100, description: 'events of an hour that were sent more than once, until that is an alert' }),
  FIRN_ALERT_LATE_PERCENT_MAX: Type.Number({ default: 20, minimum: 0, maximum: 100, description: 'rows of an hour that came late, until that is an alert' }),
  FIRN_ALERT_OUTLIERS_PERCENT_MAX: Type.Number({ default: 10, minimum: 0, maximum: 100, description: 'rows of an hour whose amount is far from the usual, until that is an alert' })
}

export type AlertConfig = Readonly<Static<TObject<typeof alertSettings>>>
