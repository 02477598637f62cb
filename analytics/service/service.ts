// The query service as a plugin for a server of its process: read-only SQL over the tables of the lake. Refuses whatever writes
// or leaves the lake; limits on time, memory, rows and how many at once hold for everybody. Closing ends what runs.

import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Logger, Metrics } from '../../runtime/index.ts'
import { readModels } from '../models/catalogue.ts'
import type { Freshness } from '../model-freshness.ts'
import type { Model } from '../models/model-file.ts'
import { KnownTables, type LakeTables } from '../query/duckdb-views.ts'
import type { QueryEngine } from '../query/engine.ts'
import { connectTrino } from '../query/trino-connection.ts'
import type { QueryServiceConfig } from './config.ts'
import { measureQueries } from './query-metrics.ts'
import { Queries } from './queries.ts'
import { openKeyLookup } from './key-lookup.ts'
import { routeKeyed } from './routes/keyed-route.ts'
import { routeDocument } from './routes/document-route.ts'
import { askForKey, isLoopback } from './routes/keys.ts'
import { routeModels } from './routes/models-route.ts'
import { routeQueries } from './routes/query-route.ts'
import { routeSaved } from './routes/saved-route.ts'
import { openDuckdbRunner } from './statement-runner.ts'
import { openTrinoRunner } from './trino-runner.ts'

export interface QueryServiceOptions extends LakeTables {
  readonly config: QueryServiceConfig
  /** Spilled rows lie in its folder `query`, which is emptied. */
  readonly dataDir: string
  /** Trino and its address (FIRN_QUERY_URL); DuckDB inside when absent. Closed by who opened it. */
  readonly trino?: { readonly engine: QueryEngine, readonly url: string }
  /** Those of the files when absent. */
  readonly models?: readonly Model[]
  /** How stale each model is, where a runner is in the process. */
  readonly freshness?: () => Promise<readonly Freshness[]>
  /** Where saved questions lie. */
  readonly savedFolder?: string
  readonly logger?: Logger
  readonly metrics?: Metrics
}

export interface QueryService {
  /** Registers the routes: `await app.register(service.plugin)`. */
  readonly plugin: (app: FastifyInstance) => Promise<void>
  close(): Promise<void>
}

export async function openQueryService (options: QueryServiceOptions): Promise<QueryService> {
  const { config, dataDir } = options
  if (config.FIRN_QUERY_KEY_SECRET === undefined && !isLoopback(config.FIRN_ANALYTICS_HOST)) {
    options.logger?.warn({ host: config.FIRN_ANALYTICS_HOST }, 'everybody who reaches this address can read the tables: set FIRN_QUERY_KEY_SECRET')
  }
  const known = new KnownTables()
  const runner = options.trino === undefined
    ? await openDuckdbRunner(options, config, join(dataDir, 'query'), known)
    : openTrinoRunner(options.trino.engine, connectTrino({ url: options.trino.url }).catalog, options, config, known)
  const measured = options.metrics === undefined ? undefined : measureQueries(options.metrics)
  const queries = new Queries(runner, {
    secondsMax: config.FIRN_QUERY_SECONDS_MAX,
    atOnceMax: config.FIRN_QUERY_AT_ONCE_MAX,
    waitingMax: config.FIRN_QUERY_WAITING_MAX,
    waitMsMax: config.FIRN_QUERY_WAIT_SECONDS_MAX * 1000
  }, status => {
    measured?.settled(status)
    options.logger?.info({ queryId: status.id, state: status.state, code: status.error?.code, ms: status.ran_ms, rows: status.rows, bytes: status.bytes }, 'question')
  })
  measured?.follow(queries.slots)
  const lookup = await openKeyLookup(options, known)
  let models: Promise<readonly Model[]> | undefined
  return {
    async plugin (app) {
      askForKey(app, config.FIRN_QUERY_KEY_SECRET, config.FIRN_ANALYTICS_HOST)
      // A statement would hold the close of the server until its own end.
      app.addHook('preClose', async () => { queries.close() })
      routeQueries(app, queries)
      routeSaved(app, queries, options.savedFolder)
      routeKeyed(app, lookup)
      await routeDocument(app)
      routeModels(app, options, known, async () => await (models ??= options.models === undefined ? readModels() : Promise.resolve(options.models)), options.freshness)
    },
    async close () {
      queries.close()
      lookup.close()
      await runner.close()
    }
  }
}
