// JSON lines on stdout, one logger per process. Secrets are cut by their names wherever they stand, so that a careless
// `logger.info(request)` cannot leak a key. pino is loaded on first use: the supervisor and the commands never pay for it.

import { createRequire } from 'node:module'
import type { Logger as PinoLogger } from 'pino'

export type Logger = PinoLogger

const secretNames = ['authorization', 'cookie', 'password', 'secret', 'token', 'apiKey', 'writeKey', 'accessKeyId', 'secretAccessKey', 'sessionToken']
const secretPaths = secretNames.flatMap(name => [name, `*.${name}`, `*.*.${name}`]).concat('req.headers.authorization', 'req.headers["x-write-key"]')

/** A pino logger named after its process. Level: FIRN_LOG_LEVEL or --log-level. */
export function createLogger (name: string, level: string = levelOf(process.env, process.argv)): Logger {
  const { pino } = createRequire(import.meta.url)('pino') as typeof import('pino')
  // sync: the buffered destination flushes at exit, and waits for ever when the reader of stdout is gone (sonic-boom's
  // flushSync retries EPIPE): a service whose supervisor died would never end.
  return pino({ name, level, redact: { paths: secretPaths, censor: '[secret]' }, base: { name } }, pino.destination({ fd: 1, sync: true }))
}

function levelOf (env: NodeJS.ProcessEnv, argv: string[]): string {
  const at = argv.indexOf('--log-level')
  const wanted = (at >= 0 ? argv[at + 1] : undefined) ?? argv.find(word => word.startsWith('--log-level='))?.slice(12) ?? env.FIRN_LOG_LEVEL
  return wanted !== undefined && ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'].includes(wanted) ? wanted : 'info'
}
