/** The catalog as a process: settings, metrics, state, port; closed in the opposite order. */
import { resolve } from 'node:path'
import { checkDataFolder, createMetrics, keepToOwner, markDataFolder, readConfig, readMark, runService } from '../../runtime/index.ts'
import { openStorageFrom } from '../warehouse.ts'
import { catalogServerSettings } from './config.ts'
import { startCatalogServer } from './server.ts'

const requestSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]

runService('catalog', async ({ logger, onClose, stop }) => {
  const config = readConfig('catalog', catalogServerSettings)
  const dataDir = resolve(config.FIRN_DATA_DIR)
  checkDataFolder(dataDir)
  keepToOwner(dataDir, config.FIRN_WAREHOUSE_URL)
  const { storage, warehouseUrl } = openStorageFrom(config, { dataDir, say: sentence => { logger.warn(sentence) } })
  const metrics = createMetrics('catalog')
  const requests = metrics.histogram('request_duration_seconds', 'time to answer a request, by route, method and status', requestSeconds, ['route', 'method', 'status'])
  const server = await startCatalogServer({
    dataDir,
    isUnmarked: readMark(dataDir) === null,
    warehouse: warehouseUrl,
    storage,
    places: config.FIRN_CATALOG_PLACES,
    token: config.FIRN_CATALOG_TOKEN,
    host: config.FIRN_CATALOG_HOST,
    port: config.FIRN_CATALOG_PORT,
    namespaceRequired: config.FIRN_CATALOG_NAMESPACE_REQUIRED,
    bodyBytesMax: config.FIRN_CATALOG_BODY_BYTES_MAX,
    cacheBytesMax: config.FIRN_CATALOG_CACHE_BYTES_MAX,
    logger,
    metrics,
    observe: (route, method, status, seconds) => { requests.observe({ route, method, status }, seconds) },
    // What is in memory may be ahead of the disk: only a new start knows.
    onFailure: error => { logger.fatal({ err: error }, 'the state could not be written'); setTimeout(() => { stop(1) }, 100) }
  })
  onClose(() => server.close())
  markDataFolder(dataDir)
  logger.info({ address: server.url }, 'listening')
})
