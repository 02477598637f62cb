// `npm run doctor`: is this machine fit, does the line run, and does one event become a row? Prints a table of ok, warn
// and fail with what to do, and ends with exit code 1 when something fails. It changes nothing but for one event of
// type `doctor_check`, which it sends through the same door as everybody's.

import { openToAll } from '../../gateway/config.ts'
import { sentenceOf, readConfig } from '../../runtime/index.ts'
import { checkKafkaClient } from './doctor-kafka.ts'
import { checkLine, type LineAddresses } from './doctor-line.ts'
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
    catalog: catalogUrlOf(config).url,
    catalogEmbedded: catalogUrlOf(config).embedded
  }
  let failed = 0
  const open = openToAll({
    FIRN_GATEWAY_HOST: String(config.FIRN_GATEWAY_HOST),
    ...config.FIRN_GATEWAY_WRITE_KEYS === undefined ? {} : { FIRN_GATEWAY_WRITE_KEYS: String(config.FIRN_GATEWAY_WRITE_KEYS) }
  })
  for await (const finding of findings(String(config.FIRN_DATA_DIR), String(config.FIRN_LOG_URL ?? ''), open, addresses)) {
    if (finding.state === 'fail') failed++
    process.stdout.write(`${finding.state.padEnd(5)} ${finding.what.padEnd(18)} ${finding.detail}\n`)
  }
  process.stdout.write(failed === 0 ? '\nNothing stands in the way.\n' : `\n${failed} thing(s) to put right: see "fail" above.\n`)
  process.exit(failed === 0 ? 0 : 1)
} catch (error) {
  process.stderr.write(`doctor: ${sentenceOf(error)}\n`)
  process.exit(1)
}

async function * findings (dataDir: string, logUrl: string, open: string | null, addresses: LineAddresses): AsyncGenerator<Finding> {
  yield * checkMachine(dataDir)
  if (logUrl.startsWith('kafka:')) yield await checkKafkaClient()
  if (open !== null) yield { what: 'write keys', state: 'warn', detail: open }
  yield * checkLine(addresses)
}
