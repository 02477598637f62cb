// `npm run doctor`: is this machine fit, does the line run, and does one event become a row? Prints a table of ok, warn
// and fail with what to do, and ends with exit code 1 when something fails. It changes nothing but for one event of
// type `doctor_check`, which it sends through the same door as everybody's.

import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { openToAll, writeKeyOf } from '../../gateway/config.ts'
import type { LogConfig, TopicChoice } from '../../log/index.ts'
import { complain, readConfig, sentenceOf, show } from '../../runtime/index.ts'
import { checkDoors } from './doctor-doors.ts'
import { checkKafkaClient } from './doctor-kafka.ts'
import { checkLine, type LineAddresses } from './doctor-line.ts'
import { checkTables } from './doctor-tables.ts'
import { checkTopics } from './doctor-log.ts'
import { checkMachine } from './doctor-machine.ts'
import { catalogUrlOf, hostToReach, settingsOfTheLine } from './services.ts'

export interface Finding {
  readonly what: string
  readonly state: 'ok' | 'warn' | 'fail'
  /** What was found; for warn and fail also what to do. */
  readonly detail: string
}

try {
  const config = readConfig('npm run doctor', settingsOfTheLine()) as Readonly<Record<string, unknown>>
  const at = (host: unknown, port: unknown): string => `http://${hostToReach(host)}:${String(port)}`
  const addresses: LineAddresses = {
    gateway: at(config.FIRN_GATEWAY_HOST, config.FIRN_GATEWAY_PORT),
    writer: at(config.FIRN_WRITER_HOST, config.FIRN_WRITER_PORT),
    analytics: at(config.FIRN_ANALYTICS_HOST, config.FIRN_ANALYTICS_PORT),
    catalog: catalogUrlOf(config).url,
    catalogEmbedded: catalogUrlOf(config).embedded,
    writeKey: writeKeyOf(config.FIRN_GATEWAY_WRITE_KEYS as string | undefined)
  }
  let failed = 0
  const open = openToAll({
    FIRN_GATEWAY_HOST: String(config.FIRN_GATEWAY_HOST),
    ...config.FIRN_GATEWAY_WRITE_KEYS === undefined ? {} : { FIRN_GATEWAY_WRITE_KEYS: String(config.FIRN_GATEWAY_WRITE_KEYS) }
  })
  for await (const finding of findings(config, open, addresses)) {
    if (finding.state === 'fail') failed++
    show(`${finding.state.padEnd(5)} ${finding.what.padEnd(18)} ${finding.detail}`)
  }
  show(['', failed === 0 ? 'Nothing stands in the way.' : `${failed} thing(s) to put right: see "fail" above.`])
  process.exit(failed === 0 ? 0 : 1)
} catch (error) {
  complain(`doctor: ${sentenceOf(error)}`)
  process.exit(1)
}

async function * findings (config: Readonly<Record<string, unknown>>, open: string | null, addresses: LineAddresses): AsyncGenerator<Finding> {
  const dataDir = String(config.FIRN_DATA_DIR)
  const logUrl = String(config.FIRN_LOG_URL ?? pathToFileURL(resolve(dataDir, 'log')).href)
  yield * checkMachine(dataDir)
  if (logUrl.startsWith('kafka:')) yield await checkKafkaClient()
  if (open !== null) yield { what: 'write keys', state: 'warn', detail: open }
  yield * checkDoors({
    queryUrl: String(config.FIRN_QUERY_URL),
    mailUrl: config.FIRN_MAIL_URL as string | undefined,
    spoolDir: config.FIRN_GATEWAY_SPOOL_DIR as string | undefined,
    spoolBytesMax: Number(config.FIRN_GATEWAY_SPOOL_BYTES_MAX)
  })
  yield * checkLine(addresses)
  if (addresses.catalogEmbedded) yield * checkTables(config, resolve(dataDir), addresses.catalog)
  yield await checkTopics(logUrl, config as unknown as LogConfig & TopicChoice)
}
