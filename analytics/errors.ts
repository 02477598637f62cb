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
  SQL_FORMAT: { message: '--csv and --json exclude each other: choose one', retryable: false, httpStatus: 400 }
})
