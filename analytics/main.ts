// The analytics service as a process: models and rules as snapshots land, alerts about what the rules find, questions over HTTP.
// One process, since they share the tables; each part goes on when another one is in trouble.

import { resolve } from 'node:path'
import { openLake } from '../catalog/index.ts'
import { checkDataFolder, createHttpServer, createMetrics, keepHeapSmall, keepToOwner, listen, readConfig, runService } from '../runtime/index.ts'
import { followFraudAlerts, followQuality, instancesOf, openAlerts, watchPipeline } from './alerts/index.ts'
import { analyticsSettings } from './config.ts'
import { measureFreshness, ModelFreshness } from './model-freshness.ts'
import { createModelMetrics } from './model-metrics.ts'
import { ModelLoop } from './model-loop.ts'
import { readModels } from './models/catalogue.ts'
import { openQueryEngine } from './query/open.ts'
import { loadReferences } from './reference/load.ts'
import { collectRefusals } from './reference/refused-events.ts'
import { openRunner } from './runner/index.ts'
import { openQueryService } from './service/index.ts'
import { measureTables } from './table-metrics.ts'

/** A statement with its frame. */
const bodyBytesMax = 1024 ** 2

runService('analytics', async ({ logger, signal, onClose, tell }) => {
  keepHeapSmall()
  const config = readConfig('analytics', analyticsSettings)
  const dataDir = resolve(config.FIRN_DATA_DIR)
  checkDataFolder(dataDir)
  keepToOwner(dataDir, config.FIRN_WAREHOUSE_URL)
  const lake = openLake(config, { dataDir, say: sentence => { logger.warn(sentence) } })
  const models = await readModels()
  const metrics = createMetrics('analytics')
  measureTables(metrics, { ...lake, logger })
  const tables = { ...lake, catalogUrl: config.FIRN_CATALOG_URL }
  const engine = await openQueryEngine(config, () => tables)
  onClose(async () => { await engine.close() })

  const runner = openRunner({
    ...lake,
    engine: config.FIRN_QUERY_URL.startsWith('duckdb:') ? null : engine,
    models,
    dataDir,
    say: line => { logger.info(line) },
    memoryMiBMax: config.FIRN_MODELS_MEMORY_MIB_MAX,
    slowMs: config.FIRN_MODELS_SLOW_SECONDS * 1000
  })
  onClose(async () => { await runner.close() })
  const freshness = new ModelFreshness(async () => await runner.status())
  measureFreshness(metrics, freshness)

  const alerts = await openAlerts({ config, dataDir, say: tell, logger, metrics })
  onClose(async () => { await alerts.close() })
  const followers = [
    followFraudAlerts({ catalog: lake.catalog, engine, alerts, config, logger }),
    followQuality({ catalog: lake.catalog, engine, alerts, config, dataDir, logger }),
    watchPipeline({ metricsUrls: config.FIRN_ALERT_WATCH_URLS, freshness: async () => await freshness.read(), alerts, config, dataDir, logger })
  ]

  const loop = new ModelLoop({
    catalog: lake.catalog,
    runner,
    prepare: async () => { await loadReferences({ ...lake, say: line => { logger.info(line) } }) },
    afterCycle: runs => { for (const follower of followers) follower.afterCycle(runs) },
    logger,
    metrics: createModelMetrics(metrics),
    lookMs: config.FIRN_MODELS_LOOK_MS,
    slowMs: config.FIRN_MODELS_SLOW_SECONDS * 1000,
    signal
  })

  const service = await openQueryService({ ...tables, config, dataDir, models, freshness: async () => await freshness.read(), logger, metrics, ...config.FIRN_QUERY_URL.startsWith('duckdb:') ? {} : { trino: { engine, url: config.FIRN_QUERY_URL } } })
  onClose(async () => { await service.close() })
  const app = createHttpServer({ logger, bodyBytesMax, metrics, ready: async () => { if (loop.error !== null) throw loop.error as Error } })
  await app.register(service.plugin)
  await listen(app, { host: config.FIRN_ANALYTICS_HOST, port: config.FIRN_ANALYTICS_PORT, setting: 'FIRN_ANALYTICS_PORT' })
  onClose(async () => { await app.close() })

  const collector = collectRefusals({
    ...lake,
    engine,
    logger,
    urls: async () => (await Promise.all(config.FIRN_ALERT_WATCH_URLS.map(async url => await instancesOf(url)))).flat().map(({ url }) => url)
  })
  onClose(async () => { await collector.close() })

  const running = loop.run()
  onClose(async () => { await running })
  onClose(async () => { for (const follower of followers) await follower.close() })
})
