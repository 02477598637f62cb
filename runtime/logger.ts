// JSON lines on stdout, one logger per process. Secrets are cut by their names wherever they stand, so that a careless
// `logger.info(request)` cannot leak a key. pino is loaded on first use: the supervisor and the commands never pay for it.

import { createRequire } from 'node:module'
import type { Logger as PinoLogger } from 'pino'

export type Logger = PinoLogger

/** What may wait for a reader that does not read. */
const waitingBytesMax = 1024 ** 2

const secretNames = ['authorization', 'cookie', 'password', 'secret', 'token', 'apiKey', 'writeKey', 'accessKeyId', 'secretAccessKey', 'sessionToken']
const secretPaths = secretNames.flatMap(name => [name, `*.${name}`, `*.*.${name}`]).concat('req.headers.authorization', 'req.headers["x-write-key"]')

/** A pino logger named after its process. Level: FIRN_LOG_LEVEL or --log-level. */
export function createLogger (name: string, level: string = levelOf(process.env, process.argv)): Logger {
  const { pino } = createRequire(import.meta.url)('pino') as typeof import('pino')
  // sync: the buffered destination flushes at exit, and waits for ever when the reader of stdout is gone (sonic-boom's
  // flushSync retries EPIPE): a service whose supervisor died would never end.
  return pino({ name, level, redact: { paths: secretPaths, censor: '[secret]' }, base: { name } }, isSupervised() ? linesThatMayWait() : pino.destination({ fd: 1, sync: true }))
}

function isSupervised (): boolean {
  return process.send !== undefined && process.stdout.isTTY !== true
}

/**
 * A supervisor that is stopped does not read, and a full pipe would hold whoever writes: the line would stand still because of
 * its own log. So lines wait in memory up to a bound and are dropped beyond it; how many is said when there is room again.
 */
export function linesThatMayWait (out: Pick<NodeJS.WriteStream, 'write' | 'writableLength'> = process.stdout): { write: (line: string) => void } {
  let dropped = 0
  return {
    write (line) {
      if (out.writableLength + line.length > waitingBytesMax) {
        dropped++
        return
      }
      if (dropped > 0) {
        const said = dropped
        dropped = 0
        out.write(JSON.stringify({ level: 40, time: Date.now(), lines: said, msg: `${said} lines of this log were dropped: what reads it had stopped` }) + '\n')
      }
      out.write(line)
    }
  }
}

function levelOf (env: NodeJS.ProcessEnv, argv: string[]): string {
  const at = argv.indexOf('--log-level')
  const wanted = (at >= 0 ? argv[at + 1] : undefined) ?? argv.find(word => word.startsWith('--log-level='))?.slice(12) ?? env.FIRN_LOG_LEVEL
  return wanted !== undefined && ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'].includes(wanted) ? wanted : 'info'
}
