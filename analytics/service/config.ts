// Settings of the query service; they stand in the schema of the process that it runs in.

import { Type, type Static, type TObject } from 'typebox'

export const queryServiceSettings = {
  FIRN_ANALYTICS_HOST: Type.String({ default: '127.0.0.1', minLength: 1, description: 'address that the query service listens on; anything else than this machine should have FIRN_QUERY_KEY_SECRET' }),
  FIRN_ANALYTICS_PORT: Type.Integer({ default: 8020, minimum: 0, maximum: 65_535, description: 'port of the query service' }),
  FIRN_QUERY_KEY_SECRET: Type.Optional(Type.String({ minLength: 16, secret: true, description: 'keys, separated by commas, of which one has to come with each request (Authorization: Bearer …); without it nobody is asked' })),
  FIRN_QUERY_SECONDS_MAX: Type.Integer({ default: 60, minimum: 1, maximum: 3_600, description: 'seconds that a statement may take, its answer included; then it is ended' }),
  FIRN_QUERY_ROWS_MAX: Type.Integer({ default: 1_000_000, minimum: 1, description: 'rows of one answer; what lies beyond is cut, and the answer says so' }),
  FIRN_QUERY_BYTES_MAX: Type.Integer({ default: 268_435_456, minimum: 1_024, description: 'bytes of one answer; what lies beyond is cut, and the answer says so' }),
  FIRN_QUERY_MEMORY_MIB_MAX: Type.Integer({ default: 512, minimum: 64, description: 'memory of one statement in DuckDB before it spills to a temporary folder' }),
  FIRN_QUERY_SPILL_MIB_MAX: Type.Integer({ default: 2_048, minimum: 0, description: 'what one statement may spill to a temporary folder' }),
  FIRN_QUERY_THREADS_MAX: Type.Integer({ default: 2, minimum: 1, maximum: 256, description: 'threads of one statement in DuckDB' }),
  FIRN_QUERY_AT_ONCE_MAX: Type.Integer({ default: 2, minimum: 1, maximum: 64, description: 'statements that run at the same time, each in a process of its own' }),
  FIRN_QUERY_WAITING_MAX: Type.Integer({ default: 32, minimum: 0, description: 'statements that wait for their turn; one more is answered 429' }),
  FIRN_QUERY_WAIT_SECONDS_MAX: Type.Integer({ default: 10, minimum: 1, maximum: 3_600, description: 'seconds that a statement waits for its turn; then it is answered 503' })
}

export type QueryServiceConfig = Readonly<Static<TObject<typeof queryServiceSettings>>>
