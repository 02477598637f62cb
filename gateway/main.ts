// The gateway as a process: settings, log, application, port; closed in the opposite order.

import { openLogFrom } from '../log/index.ts'
import { listen, readConfig, runService } from '../runtime/index.ts'
import { gatewaySettings, logUrlOf } from './config.ts'
import { createGateway } from './gateway.ts'

runService('gateway', async ({ logger, onClose }) => {
  const config = readConfig('gateway', gatewaySettings)
  const log = await openLogFrom(logUrlOf(config), config)
  onClose(async () => { await log.close() })
  for (const topic of config.FIRN_LOG_TOPICS) await log.ensureTopic(topic)
  const app = await createGateway({ log, config, logger })
  onClose(async () => { await app.close() })
  const address = await listen(app, { host: config.FIRN_GATEWAY_HOST, port: config.FIRN_GATEWAY_PORT, setting: 'FIRN_GATEWAY_PORT' })
  logger.info({ address }, 'listening')
})
