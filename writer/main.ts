// The writer as a process: log → rows in the table. `--until-end` drains the log to its end as of now and exits with 0.

import { hostname } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { openLake } from '../catalog/index.ts'
import { freeBytesOf, openLogFrom, topicsChosen, watchForGood } from '../log/index.ts'
import { checkDataFolder, complain, createHttpServer, createMetrics, keepToOwner, listen, readConfig, runService } from '../runtime/index.ts'
import { mappingsOf, resumeOf, writerSettings } from './config.ts'
import { Duplicates } from './duplicates.ts'
import { openEngine } from './engine.ts'
import { createWriterMetrics } from './metrics.ts'
import { openTableIds } from './table-ids.ts'
import { Writer } from './writer.ts'

runService('writer', async ({ logger, signal, onClose, stop, tell }) => {
  const config = readConfig('writer', writerSettings)
  checkDataFolder(resolve(config.FIRN_DATA_DIR))
  keepToOwner(resolve(config.FIRN_DATA_DIR), config.FIRN_WAREHOUSE_URL)
  const under = (name: string): string => resolve(config.FIRN_DATA_DIR, name)
  const dir = config.FIRN_WRITER_STAGING_DIR ?? under('writer')
  const stagingDir = isAbsolute(dir) ? dir : join(process.cwd(), dir)
  const isEmbedded = (config.FIRN_LOG_URL ?? 'file:').startsWith('file:')
  const source = await openLogFrom(config.FIRN_LOG_URL ?? pathToFileURL(under('log')).href, config, sentence => { logger.warn(sentence) })
  onClose(async () => { await source.close() })
  if (isEmbedded) {
    onClose(watchForGood(source, error => {
      logger.fatal({ err: error }, 'the writer ends and has to be started again')
      tell(`the writer ends and has to be started again: ${error.message}`)
      stop(1)
    }, { freeBytes: () => freeBytesOf(resolve(config.FIRN_DATA_DIR)) }))
  }
  const { catalog, storage, warehouseUrl } = openLake(config, { dataDir: resolve(config.FIRN_DATA_DIR), say: sentence => { logger.warn(sentence) } })
  const engine = await openEngine({ memoryBytesMax: config.FIRN_WRITER_MEMORY_BYTES_MAX, stagingDir, writers: config.FIRN_WRITER_THREADS })
  const nowMs = Date.now
  const windowSeconds = config.FIRN_EVENT_AGE_DAYS_MAX * 86_400
  const duplicates = new Duplicates(openTableIds(engine, storage), { idsMax: config.FIRN_WRITER_INDEX_IDS_MAX, windowSeconds, nowMs })
  const registry = createMetrics('writer')
  const newTables = { startAnew: new Set(config.FIRN_WRITER_START_ANEW), warehouseUrl }
  const writer = new Writer({ newTables, catalog, storage, logger, nowMs, signal, engine, duplicates, source, writerId: `${hostname()}/${process.pid}/${Date.now().toString(36)}`, typesMax: config.FIRN_EVENT_TYPES_MAX, typeRowsMin: config.FIRN_EVENT_TYPE_ROWS_MIN, filesUsualMax: config.FIRN_WRITER_FILES_MAX, metrics: createWriterMetrics(registry) }, {
    topics: topicsChosen(config).always,
    topicsWhereFound: topicsChosen(config).whereFound,
    dir: stagingDir,
    intervalMs: config.FIRN_WRITER_COMMIT_INTERVAL_MS,
    rowsMax: config.FIRN_WRITER_COMMIT_ROWS_MAX,
    bytesMax: config.FIRN_WRITER_COMMIT_BYTES_MAX,
    eventBytesMax: config.FIRN_EVENT_BYTES_MAX,
    futureMinutesMax: config.FIRN_EVENT_FUTURE_MINUTES_MAX,
    ageDaysMax: config.FIRN_EVENT_AGE_DAYS_MAX,
    moneyRound: config.FIRN_MONEY_ROUND,
    mappings: mappingsOf(config.FIRN_LOG_MAPPINGS),
    resumeFrom: resumeOf(config.FIRN_WRITER_RESUME_FROM),
    untilEnd: config.untilEnd,
    stalledSecondsMax: config.FIRN_WRITER_STALLED_SECONDS,
    ...isEmbedded ? {} : { retentionSeconds: config.FIRN_KAFKA_RETENTION_HOURS * 3600 },
    group: config.FIRN_KAFKA_GROUP
  })
  const app = createHttpServer({ logger, bodyBytesMax: 1024, metrics: { ...registry, text: async () => { await writer.measure(); return await registry.text() } }, ready: async () => { await writer.checkReady() } })
  // Asked by gateways before they append: a log that is behind its table is not added to.
  app.get('/v1/log', () => writer.log)
  await listen(app, { host: config.FIRN_WRITER_HOST, port: config.FIRN_WRITER_PORT, setting: 'FIRN_WRITER_PORT' })
  onClose(async () => { await app.close() })

  const running = writer.run()
  onClose(async () => { await running.catch(() => undefined) })
  running.then(() => { if (!signal.aborted) stop(writer.halted.length > 0 ? 1 : 0) }, (error: unknown) => {
    if (signal.aborted) return
    logger.fatal({ err: error }, 'the writer ends')
    complain(`writer ends: ${error instanceof Error ? error.message : String(error)}`)
    stop(1)
  })
})
