// The gateway as a process: settings, log, spool, application, port; closed in the opposite order.

import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { freeBytesOf, openLog, openLogFrom, ownTopic, watchForGood, type Log } from '../log/index.ts'
import { checkDataFolder, keepHeapSmall, keepToOwner, listen, readConfig, runService, type ServiceContext } from '../runtime/index.ts'
import { askWriter, ComparedLog } from './compared-log.ts'
import { gatewaySettings, logUrlOf, openToAll, type GatewayConfig } from './config.ts'
import { createGateway } from './gateway.ts'
import { openPatiently, type ClosableLog } from './late-log.ts'
import { takeSpool } from './spool/spool-lock.ts'
import { KeyCounts } from './spool/key-counts.ts'
import { Spool } from './spool/spool.ts'
import type { MeasuredSpool } from './spool/spool-metrics.ts'
import { SpoolingLog } from './spool/spooling-log.ts'
import { routeTopics, undeclaredRoutes } from './topic-routes.ts'

const spoolKeysMax = 100_000
/** What has drained frees its room soon, so that a restart finds little to look at. */
const spoolRetentionEveryMs = 1000

runService('gateway', async context => {
  const { logger, onClose } = context
  keepHeapSmall()
  const config = readConfig('gateway', gatewaySettings)
  checkDataFolder(resolve(config.FIRN_DATA_DIR))
  keepToOwner(resolve(config.FIRN_DATA_DIR))
  routeTopics(config)
  for (const name of undeclaredRoutes(config.FIRN_LOG_ROUTES)) logger.warn({ name }, 'FIRN_LOG_ROUTES names neither a family (clickstream, order, payment, customer) nor a declared event type: only events of exactly this undeclared type are led away')
  const open = openToAll(config)
  if (open !== null) logger.warn(open)
  const { log, compared } = withComparison(await openTarget(config, context), config, context)
  const spool = config.FIRN_GATEWAY_SPOOL_DIR === undefined ? undefined : await openSpool(config.FIRN_GATEWAY_SPOOL_DIR, log, config, context)
  const app = await createGateway({ log: spool?.log ?? log, config, logger, ...spool === undefined ? {} : { spool } })
  onClose(async () => { await app.close() })
  const address = await listen(app, { host: config.FIRN_GATEWAY_HOST, port: config.FIRN_GATEWAY_PORT, setting: 'FIRN_GATEWAY_PORT' })
  logger.info({ address }, 'listening')
  // Ready means that events are taken, or are refused for a reason that will not pass by itself.
  await compared
})

function withComparison (target: ClosableLog, config: GatewayConfig, { logger, onClose }: ServiceContext): { log: ClosableLog, compared?: Promise<void> } {
  const url = config.FIRN_GATEWAY_WRITER_URL
  if (url === undefined) return { log: target }
  const log = new ComparedLog(target, { ask: askWriter(url), logger })
  onClose(async () => { await log.close() })
  return { log, compared: log.compared }
}

/** Ends this process when its log can be used by a new one only. */
function endWith (log: ClosableLog, folder: string, { logger, onClose, stop, tell }: ServiceContext): void {
  onClose(watchForGood(log, error => {
    logger.fatal({ err: error }, 'the gateway ends and has to be started again')
    tell(`the gateway ends and has to be started again: ${error.message}`)
    stop(1)
  }, { freeBytes: () => freeBytesOf(folder) }))
}

/** The log with all its topics. Servers may be away at the start, a folder may not. */
async function openTarget (config: GatewayConfig, context: ServiceContext): Promise<ClosableLog> {
  const { logger, onClose } = context
  const url = logUrlOf(config)
  const open = async (): Promise<Log> => {
    const log = await openLogFrom(url, config, sentence => { logger.warn(sentence) })
    try {
      for (const topic of config.FIRN_LOG_TOPICS ?? [ownTopic]) await log.ensureTopic(topic)
      return log
    } catch (error) {
      await log.close()
      throw error
    }
  }
  const log = url.startsWith('file:') ? await open() : await openPatiently(open, logger)
  onClose(async () => { await log.close() })
  if (url.startsWith('file:')) endWith(log, fileURLToPath(url), context)
  return log
}

async function openSpool (folder: string, target: ClosableLog, config: GatewayConfig, context: ServiceContext): Promise<MeasuredSpool & { readonly log: SpoolingLog }> {
  const { logger, onClose } = context
  const path = resolve(folder)
  await mkdir(path, { recursive: true })
  const lock = takeSpool(path)
  onClose(async () => { lock.release() })
  const log = await openLog(pathToFileURL(join(path, 'log')).href, {
    partitions: 1,
    bytesMax: config.FIRN_GATEWAY_SPOOL_BYTES_MAX,
    retentionMs: 0,
    retentionEveryMs: spoolRetentionEveryMs,
    appendMsMax: config.FIRN_LOG_APPEND_MS_MAX
  })
  endWith(log, path, context)
  const keys = new KeyCounts(spoolKeysMax)
  const spool = new SpoolingLog(target, await Spool.open(log, key => { keys.add(key) }), keys, { bytesMax: config.FIRN_GATEWAY_SPOOL_BYTES_MAX, afterMs: config.FIRN_GATEWAY_SPOOL_AFTER_MS }, logger)
  onClose(async () => { await spool.close() })
  return { log: spool, status: () => spool.status(), stored: log.stored?.bind(log) }
}
