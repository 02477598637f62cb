// Every code that a question to the tables can be answered with.

import { defineErrors } from '../runtime/index.ts'

export const { fail, is, registry: analyticsErrors } = defineErrors('analytics', {
  SQL_MISSING: { message: 'no statement was given: npm run sql -- "select count(*) from events"', retryable: false, httpStatus: 400 },
  SQL_INVALID: { message: '{reason}{place}', retryable: false, httpStatus: 400 },
  SQL_READ_ONLY: { message: 'a {kind} statement is refused: here one only reads; write through the gateway (POST /v1/events)', retryable: false, httpStatus: 400 },
  SQL_CATALOG_AWAY: { message: 'the catalog at {url} does not answer ({reason}): start it with npm start, or set FIRN_CATALOG_URL to where it runs', retryable: true, httpStatus: 503 },
  SQL_TABLE_UNREADABLE: { message: 'table {table} cannot be read: {reason}', retryable: false, httpStatus: 500 },
  SQL_NO_TABLES: { message: 'the catalog at {url} has no table yet: the writer creates firn.events when it starts; run npm start, wait until it is ready and ask again', retryable: true, httpStatus: 404 },
  SQL_NO_SUCH_SNAPSHOT: { message: 'no table in this statement has a snapshot {asOf}: --as-of takes a snapshot id or a time such as 2026-01-31T12:00:00Z that is not older than the oldest snapshot kept', retryable: false, httpStatus: 404 },
  QUERY_URL_UNSUPPORTED: { message: '{url} names no query engine: use duckdb: or trino://[user@]host:port[/catalog], trino+https://…', retryable: false, httpStatus: 400 },
  QUERY_PASSWORD_UNSAFE: { message: 'a password is not sent to {url} in the clear: use trino+https://…', retryable: false, httpStatus: 400 },
  QUERY_AWAY: { message: 'Trino at {url} does not answer ({reason}): check that it runs and FIRN_QUERY_URL', retryable: true, httpStatus: 503 },
  QUERY_UNAUTHORIZED: { message: 'Trino at {url} refused the user (status {status}): check the user in FIRN_QUERY_URL and FIRN_QUERY_PASSWORD', retryable: false, httpStatus: 401 },
  QUERY_UNTRUSTED: { message: 'the certificate of Trino at {url} is not trusted ({reason}): set FIRN_QUERY_CA_FILE to the PEM file of who signed it', retryable: false, httpStatus: 502 },
  QUERY_CA_UNREADABLE: { message: 'FIRN_QUERY_CA_FILE {file} cannot be read: {reason}', retryable: false, httpStatus: 500 },
  QUERY_NOT_TRINO: { message: 'what answers at {url} is not Trino: check FIRN_QUERY_URL', retryable: false, httpStatus: 502 },
  QUERY_NO_CATALOG: { message: 'Trino at {url} has no catalog {catalog}: give it deploy/trino/catalog/{catalog}.properties, or name another one in FIRN_QUERY_URL (trino://host:port/catalog)', retryable: false, httpStatus: 404 },
  QUERY_FAILED: { message: 'Trino at {url} could not answer ({errorName}): {reason}', retryable: true, httpStatus: 502 },
  QUERY_CANCELLED: { message: 'the statement was cancelled', retryable: true, httpStatus: 499 },
  MODEL_INVALID: { message: 'model {model} cannot be run: {reason}', retryable: false, httpStatus: 400 },
  MODEL_CYCLE: { message: 'models read one another in a circle: {cycle}; one of them has to read what the other one reads', retryable: false, httpStatus: 400 },
  REFERENCE_INVALID: { message: '{file}, line {line}, column {column}: {reason}; the table keeps its old rows', retryable: false, httpStatus: 400 },
  JOBS_FILE_INVALID: { message: 'the jobs file {file} cannot be used: {reason}', retryable: false, httpStatus: 500 },
  JOB_UNKNOWN: { message: 'there is no job {job}: the jobs file has {known}', retryable: false, httpStatus: 404 },
  JOB_DATE: { message: '{date} is no date: give a day such as --date 2026-01-31', retryable: false, httpStatus: 400 },
  JOB_RUNNING: { message: '{job} for {date} is running already (process {pid}): wait for it, or end it first', retryable: true, httpStatus: 409 },
  JOB_STATE_UNREADABLE: { message: 'what is known of this run cannot be read from {file} ({reason}): remove the file to begin the date anew', retryable: false, httpStatus: 500 },
  JOB_DATA_LATE: { message: 'the data of {date} is not complete after {waited} s: {reason}', retryable: true, httpStatus: 503 },
  ALERT_LEDGER_LOCKED: { message: 'another process (pid {holder}) sends alerts from this folder: end it, or delete {path} if that process is none of firn', retryable: false, httpStatus: 500 },
  ALERT_LEDGER_UNREADABLE: { message: 'the ledger of alerts {path} cannot be read (line {line}: {reason}): without it alerts would be sent again; repair the line, or move the file away to begin anew', retryable: false, httpStatus: 500 },
  ALERT_LEDGER_UNWRITABLE: { message: 'the ledger of alerts {path} cannot be written ({reason}): no alert is sent until it can', retryable: true, httpStatus: 500 },
  ALERT_OUTBOX_FULL: { message: '{count} alerts wait to be sent, which is all that FIRN_ALERT_QUEUE_MAX allows: this one stays where it came from; check the mail server', retryable: true, httpStatus: 503 },
  SQL_FORMAT: { message: '--csv and --json exclude each other: choose one', retryable: false, httpStatus: 400 }
})
