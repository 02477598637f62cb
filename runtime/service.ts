// The life of one process: start, say that it is ready, and on SIGTERM, SIGINT or a lost supervisor close what was
// opened, in reverse order, within closeMsMax. A start that fails is one sentence on stderr and exit code 1.
// An error that nobody expected ends the process: whatever starts it again recovers from what is durable.

import { fail } from './errors.ts'
import { FirnError } from './firn-error.ts'
import { createLogger, type Logger } from './logger.ts'
import { complain, shownLine } from './shown.ts'

const closeMsMax = 10_000

export interface ServiceContext {
  logger: Logger
  /** Aborts when the service begins to close. */
  signal: AbortSignal
  /** Registers what has to be closed; the last one registered is closed first. */
  onClose(close: () => Promise<void> | void): void
  /** Closes the service from inside, e.g. when a run with an end is done or when it must not go on. */
  stop(exitCode?: number): void
  /** One line for whoever watches: the terminal of `npm start`, or stderr without a supervisor. */
  tell(line: string): void
}

/** Runs a service as this process. Returns at once; the process ends when the service is closed. */
export function runService (name: string, start: (ctx: ServiceContext) => Promise<void>): void {
  const logger = createLogger(name)
  const closers: Array<() => Promise<void> | void> = []
  const controller = new AbortController()
  let closing = false

  const close = async (reason: string, exitCode: number): Promise<void> => {
    if (closing) return
    closing = true
    logger.info({ reason }, 'closing')
    controller.abort(new Error(reason))
    setTimeout(() => {
      say(fail('CLOSE_TIMEOUT', { process: name, closeMsMax }).message)
      process.exit(exitCode === 0 ? 1 : exitCode)
    }, closeMsMax).unref()
    for (const closer of closers.reverse()) {
      try {
        await closer()
      } catch (error) {
        exitCode = 1
        logger.error({ err: error }, 'a part did not close cleanly')
        say(`${name}: a part did not close cleanly: ${sentenceOf(error)}`)
      }
    }
    logger.info('closed')
    process.exit(exitCode)
  }
  const die = (error: unknown): void => {
    logger.fatal({ err: error }, 'unexpected error')
    say(`${name} ends because of an unexpected error: ${sentenceOf(error)}`)
    process.exit(1)
  }

  process.once('SIGTERM', () => { void close('SIGTERM', 0) })
  process.once('SIGINT', () => { void close('SIGINT', 0) })
  process.on('uncaughtException', die)
  process.on('unhandledRejection', die)
  // Who reads our output may be gone: that must not stop an orderly close.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  if (process.send !== undefined) process.once('disconnect', () => { void close('the supervisor is gone', 0) })

  start({
    logger,
    signal: controller.signal,
    onClose: closer => { closers.push(closer) },
    stop: (exitCode = 0) => { void close('stopped from inside', exitCode) },
    tell: line => {
      if (process.connected) process.send?.({ tell: line })
      else say(line)
    }
  }).then(() => {
    if (closing) return
    logger.info({ startMs: Math.round(performance.now()) }, 'ready')
    if (process.connected) process.send?.({ ready: true })
  }, (error: unknown) => {
    if (!(error instanceof FirnError)) logger.info({ err: error }, 'start failed')
    say(`${name} cannot start: ${sentenceOf(error)}`)
    void close('start failed', 1)
  })
}

/** One line about an error, with what to do for the failures of the machine that everybody meets. */
export function sentenceOf (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code, path } = error as NodeJS.ErrnoException
  const where = path === undefined ? '' : ` (${path})`
  const advice: Record<string, string> = {
    ENOSPC: `the disk is full${where}: free some space and start again; what was acknowledged is safe`,
    ENOENT: `there is no such place${where}: create its folder, or set FIRN_DATA_DIR to one that exists`,
    ENOTDIR: `a part of the path is not a folder${where}: set FIRN_DATA_DIR to a folder`,
    EACCES: `permission denied${where}: give this user the right to write there, or set FIRN_DATA_DIR to a folder of its own`,
    EPERM: `not permitted${where}: give this user the right, or set FIRN_DATA_DIR to a folder of its own`,
    EROFS: `the file system is read-only${where}: set FIRN_DATA_DIR to a folder that can be written`,
    EMFILE: 'too many open files: raise the limit with `ulimit -n 4096`'
  }
  return shownLine((advice[code ?? ''] ?? (error.message || error.name)).replaceAll(/\s*\n\s*/g, ' '))
}

function say (sentence: string): void {
  complain(sentence)
}
