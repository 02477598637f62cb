// Runs services as separate processes and keeps them running: ready by IPC one after the other, restarted with backoff
// when they die, ended in the wanted order within a bound. A service that ends by itself before it was ever ready fails the
// start with its own sentence. One that dies quickly too often in a row is said once and tried at a slow pace from then on:
// what keeps it from running is its own business, and the others never end with it.
// Children get no signal from the terminal (their own process group) and close when their IPC channel goes away, so
// neither Ctrl+C nor the supervisor's own death can end them in the wrong order or leave them behind.

import { fork, type ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fail } from './errors.ts'
import { ServiceLog } from './service-log.ts'
import { shownLine } from './shown.ts'

const quickDeathMsMax = 30_000
const quickDeathsMax = 5
/** Between the tries of a service that is given up. */
const restMsDefault = 60_000
const backoffMsMin = 250
const backoffMsMax = 8_000

export interface SupervisedService {
  name: string
  /** Path of the .ts or .js file to run. */
  entry: string
  args?: string[]
  /** The whole environment of the process: a service gets its own settings and nobody else's. */
  env: NodeJS.ProcessEnv
  /** Names in `env` that are for its first start alone: what is decided once is not decided again by a crash. */
  envOnce?: readonly string[]
  nodeFlags?: string[]
  /** What it may take from SIGTERM to SIGKILL when all others take theirs; it gets what they leave. */
  closeMsMax: number
}

export interface SuperviseOptions {
  /** Where <service>.log goes. */
  logDir: string
  /** Names in the order in which they are closed; the rest follows. */
  closeOrder: string[]
  readyMsMax?: number
  /** Smaller in tests. */
  backoffMs?: { min: number, max: number }
  restMs?: number
  /** Warnings, errors and restarts, one short line each. */
  say: (line: string) => void
}

export interface Supervision {
  /** Resolves when all services are ready; rejects with the sentence when one cannot start. */
  ready: Promise<void>
  states(): ServiceState[]
  /** Ends every process in order; what does not end in time is killed. */
  close(): Promise<void>
  /** Ends every process now. */
  kill(): void
}

export type ServiceState = { name: string, restarts: number } & (
  | { at: 'waiting' }
  | { at: 'starting', pid: number }
  | { at: 'ready', pid: number }
  | { at: 'backing off', delayMs: number }
  /** It died too often: tried again at a slow pace. */
  | { at: 'given up', delayMs: number, reason: string }
  | { at: 'ended' }
)

interface Watched {
  service: SupervisedService
  log: ServiceLog
  state: ServiceState
  child: ChildProcess | undefined
  exited: Promise<void>
  quickDeaths: number
  wasReady: boolean
  /** What was said when it was given up; said again only when it is another thing. */
  givenUp: string | null
}

export function supervise (services: SupervisedService[], given: SuperviseOptions): Supervision {
  // What services say may hold what events or other programs wrote.
  const options: SuperviseOptions = { ...given, say: line => { given.say(shownLine(line)) } }
  const { min, max } = options.backoffMs ?? { min: backoffMsMin, max: backoffMsMax }
  const readyMsMax = options.readyMsMax ?? 60_000
  const restMs = options.restMs ?? restMsDefault
  const watched: Watched[] = services.map(service => ({
    service,
    log: new ServiceLog(options.logDir, service.name, options.say),
    state: { name: service.name, restarts: 0, at: 'waiting' },
    child: undefined,
    exited: Promise.resolve(),
    quickDeaths: 0,
    wasReady: false,
    givenUp: null
  }))
  const closing = new AbortController()

  /** Starts one process; resolves when it is ready, rejects when it must not be tried again. */
  const start = async (one: Watched): Promise<void> => {
    const { service, log } = one
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const startedAt = performance.now()
    const child = fork(service.entry, service.args ?? [], {
      env: one.state.restarts === 0 ? service.env : withoutOnce(service), execArgv: service.nodeFlags ?? [], stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true
    })
    one.child = child
    one.state = { ...bare(one.state), at: 'starting', pid: child.pid ?? 0 }
    log.take(child, !one.wasReady)
    const overdue = setTimeout(() => {
      const reason = fail('SERVICE_NOT_READY', { service: service.name, readyMsMax, lastWords: log.lastWords, logFile: log.file })
      if (one.wasReady) options.say(reason.message)
      else reject(reason)
      child.kill('SIGKILL')
    }, readyMsMax)
    child.on('message', message => {
      const { ready, tell } = (message ?? {}) as { ready?: unknown, tell?: unknown }
      if (typeof tell === 'string') options.say(tell)
      if (ready !== true) return
      clearTimeout(overdue)
      one.wasReady = true
      one.state = { ...bare(one.state), at: 'ready', pid: child.pid ?? 0 }
      resolve()
    })
    const exited = Promise.withResolvers<void>()
    one.exited = exited.promise
    const ended = (code: number | null, signal: NodeJS.Signals | null): void => {
      clearTimeout(overdue)
      exited.resolve()
      one.child = undefined
      if (closing.signal.aborted) {
        one.state = { ...bare(one.state), at: 'ended' }
        reject(closing.signal.reason)
        return
      }
      // It said by itself why it cannot start: trying again would only repeat the sentence.
      if (!one.wasReady && code !== null && code !== 0) {
        reject(fail('SERVICE_CANNOT_START', { lastWords: log.lastWords, logFile: log.file }))
        return
      }
      one.quickDeaths = performance.now() - startedAt < quickDeathMsMax ? one.quickDeaths + 1 : 1
      if (one.quickDeaths >= quickDeathsMax) {
        const reason = fail('SERVICE_GIVEN_UP', { service: service.name, deaths: quickDeathsMax, windowSeconds: quickDeathMsMax / 1000, restSeconds: restMs / 1000, lastWords: log.lastWords, logFile: log.file })
        if (!one.wasReady) return reject(reason)
        if (one.givenUp !== reason.message) options.say(reason.message)
        one.givenUp = reason.message
        return again({ name: service.name, restarts: one.state.restarts + 1, at: 'given up', delayMs: restMs, reason: reason.message })
      }
      one.givenUp = null
      const delayMs = Math.min(max, min * 2 ** (one.quickDeaths - 1))
      options.say(`${service.name} ended (${signal ?? `exit code ${code}`}) and is started again in ${delayMs} ms`)
      again({ name: service.name, restarts: one.state.restarts + 1, at: 'backing off', delayMs })
    }
    const again = (state: ServiceState & { delayMs: number }): void => {
      one.state = state
      sleep(state.delayMs, undefined, { signal: closing.signal }).then(() => start(one)).then(resolve, reject)
    }
    child.once('exit', ended)
    child.once('error', error => {
      log.note(error.message)
      if (child.pid === undefined) ended(1, null)
    })
    promise.catch(() => {})
    return promise
  }

  const startAll = async (): Promise<void> => {
    for (const one of watched) await start(one)
  }
  const ready = startAll()
  ready.catch(() => {})

  const endOne = async (one: Watched, closeMsMax: number): Promise<void> => {
    const child = one.child
    if (child === undefined) return
    child.kill('SIGTERM')
    const timer = setTimeout(() => {
      options.say(`${one.service.name} did not end within ${closeMsMax} ms and is killed`)
      child.kill('SIGKILL')
    }, closeMsMax)
    await one.exited
    clearTimeout(timer)
  }

  let closed: Promise<void> | undefined
  const closeAll = async (): Promise<void> => {
    closing.abort(new Error('the supervisor closes'))
    const rank = (one: Watched): number => {
      const at = options.closeOrder.indexOf(one.service.name)
      return at < 0 ? options.closeOrder.length : at
    }
    const began = performance.now()
    let budgetMs = 0
    for (const one of watched) budgetMs += one.service.closeMsMax
    let reservedMs = budgetMs
    for (const one of [...watched].sort((a, b) => rank(a) - rank(b))) {
      reservedMs -= one.service.closeMsMax
      await endOne(one, Math.round(budgetMs - reservedMs - (performance.now() - began)))
    }
    for (const one of watched) one.log.close()
  }
  return {
    ready,
    states: () => watched.map(one => one.state),
    close: () => closed ??= closeAll(),
    kill: () => {
      closing.abort(new Error('the supervisor was told to end at once'))
      for (const one of watched) one.child?.kill('SIGKILL')
    }
  }
}

function withoutOnce ({ env, envOnce = [] }: SupervisedService): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !envOnce.includes(name)))
}

function bare (state: ServiceState): { name: string, restarts: number } {
  return { name: state.name, restarts: state.restarts }
}
