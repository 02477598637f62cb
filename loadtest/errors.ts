// Every code that the generator, the verifier and the load tests can end with.

import { defineErrors } from '../runtime/index.ts'

export const { fail, is, registry: loadtestErrors } = defineErrors('loadtest', {
  LOADTEST_GATEWAY_AWAY: { message: 'the gateway at {url} does not answer ({reason}): start it with npm start, or set --url', retryable: true },
  LOADTEST_TIME: { message: '{value} is no time for --{flag}: give one such as 2026-01-31T12:00:00Z', retryable: false },
  LOADTEST_CONTRADICTION: { message: '{flags} exclude each other: choose one', retryable: false },
  LOADTEST_SCENARIO: { message: '{given} is no load: it is one of {known}', retryable: false },
  LOADTEST_NOT_LOOPBACK: { message: '{url} is not this machine: load is sent to others only when they are yours; then say so with --i-own-this-host', retryable: false },
  LOADTEST_K6_MISSING: { message: 'k6 is not here and cannot be built ({reason}): install Go 1.24 or newer (go.dev/dl; on Debian or Ubuntu: apt-get install -y golang-go), or put k6 1.0 or newer on the PATH (grafana.com/docs/k6)', retryable: false },
  LOADTEST_K6_BROKE: { message: 'k6 ended with {code} and no summary: what it printed above says why', retryable: false },
  LOADTEST_NOT_DRAINED: { message: '{lag} records still wait in the log and for {seconds} s none became a row: is the writer running, and what does it say?', retryable: true },
  LOADTEST_TOOL: { message: '{tool} could not do its part: {reason}', retryable: true },
  LOADTEST_NO_LINK: { message: 'the link cannot be cut: this broker stands behind none', retryable: false },
  REBALANCE_UNSETTLED: { message: 'the partitions found no owners within {seconds} s {when}: {reason}', retryable: false },
  REBALANCE_WRITER_DIED: { message: '{writer} ended by itself: its last words were {lastWords}', retryable: false },
  VERIFY_CATALOG_AWAY: { message: 'the catalog at {url} does not answer ({reason}): start it with npm start, or set FIRN_CATALOG_URL', retryable: true },
  VERIFY_NO_TABLE: { message: 'the catalog at {url} has no table {table} ({status}): nothing was written yet, or FIRN_CATALOG_URL names another catalog', retryable: false },
  VERIFY_NO_OFFSETS: { message: 'table {table} has no property firn.offsets: no writer has committed to it, or the property was lost', retryable: false },
  VERIFY_OFFSETS_UNREADABLE: { message: 'the property firn.offsets of {table} cannot be read ({reason})', retryable: false },
  VERIFY_DECISIONS_UNREADABLE: { message: 'the property firn.decisions of {table} cannot be read ({reason}): what it says decides which rows are one record read twice', retryable: false },
  VERIFY_MEMORY: { message: 'judging needs more than {memoryMiB} MiB of memory ({reason}): set --memory-mib higher', retryable: false },
  VERIFY_NO_LEDGER: { message: 'ledger {file} cannot be read ({reason}): check the path given to --ledger', retryable: false }
})
