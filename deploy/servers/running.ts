// One server as a process: started in its own session with its words in a file, waited for until it answers, paused,
// resumed and stopped by its pid alone. Unless `keep` is set it ends with the process that started it, whatever ends that.

import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { identityOf, isFree, isRunning, type ProcessIdentity } from '../../runtime/index.ts'
import { fail } from './errors.ts'
import { lastLines } from './run-tool.ts'

const stopMsMax = 15_000
const pollMs = 50

export interface RunningServer {
  readonly name: string
  readonly url: string
  readonly port: number
  readonly pid: number
  /** The TEST_… variables that it stands for. */
  readonly env: Readonly<Record<string, string>>
  /** Freezes it (SIGSTOP): connections stay open and nothing answers. */
  pause (): void
  resume (): void
  /** Ends it and waits until it is gone; a paused one is resumed first, one that does not go is killed. */
  stop (signal?: NodeJS.Signals): Promise<void>
}

export interface Launch {
  readonly name: string
  /** Where its data, its log and its pid go. */
  readonly dir: string
  readonly port: number
  readonly url: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly testEnv: Readonly<Record<string, string>>
  readonly ready: (logFile: string) => Promise<boolean>
  readonly readyMsMax: number
  /** True: it goes on when this process ends. */
  readonly keep: boolean
}

const mine = new Set<number>()

export async function launch (what: Launch): Promise<RunningServer> {
  await demandFreePort(what.name, what.port)
  mkdirSync(what.dir, { recursive: true })
  const logFile = join(what.dir, `${what.name}.log`)
  const out = openSync(logFile, 'w')
  const child = spawn(what.command, what.args, { cwd: what.dir, env: { ...groundEnv(), ...what.env }, detached: true, stdio: ['ignore', out, out] })
  closeSync(out)
  let ended: string | undefined
  child.once('error', error => { ended ??= error.message })
  child.once('exit', (code, signal) => { ended ??= signal ?? `exit code ${code}`; if (child.pid !== undefined) mine.delete(child.pid) })
  child.unref()
  if (child.pid !== undefined && !what.keep) endWithThisProcess(child.pid)
  const deadline = Date.now() + what.readyMsMax
  let reason = 'it did not answer'
  for (;;) {
    if (ended !== undefined) throw fail('SERVER_DIED', { server: what.name, how: ended, lastWords: lastLines(readFileSync(logFile, 'utf8').slice(-20_000)), logFile })
    try {
      if (await what.ready(logFile)) break
    } catch (error) {
      reason = (error as Error).message
    }
    if (Date.now() > deadline) {
      await stopServer(identityOf(child.pid!))
      throw fail('SERVER_NOT_READY', { server: what.name, readyMsMax: what.readyMsMax, reason, logFile })
    }
    await sleep(pollMs)
  }
  const identity = identityOf(child.pid!)
  const { pid } = identity
  writeFileSync(join(what.dir, `${what.name}.pid`), JSON.stringify({ ...identity, port: what.port, url: what.url }))
  return {
    name: what.name,
    url: what.url,
    port: what.port,
    pid,
    env: what.testEnv,
    pause: () => { process.kill(pid, 'SIGSTOP') },
    resume: () => { process.kill(pid, 'SIGCONT') },
    stop: async signal => { await stopServer(identity, signal) }
  }
}

/** Ends a process and waits until it is gone; nothing when it is gone already. */
export async function stopServer (identity: ProcessIdentity, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (!isRunning(identity)) return
  send(identity.pid, signal)
  send(identity.pid, 'SIGCONT')
  const deadline = Date.now() + stopMsMax
  while (isRunning(identity)) {
    if (Date.now() > deadline) send(identity.pid, 'SIGKILL')
    await sleep(pollMs)
  }
  mine.delete(identity.pid)
}

export async function demandFreePort (server: string, port: number): Promise<void> {
  if (!await isFree(port)) throw fail('SERVER_PORT_IN_USE', { server, port })
}

/** True when a connection to it opens. */
export async function accepts (port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const { promise, resolve } = Promise.withResolvers<boolean>()
  socket.once('connect', () => { resolve(true) }).once('error', () => { resolve(false) })
  const open = await promise
  socket.destroy()
  return open
}

function send (pid: number, signal: NodeJS.Signals): void {
  try { process.kill(pid, signal) } catch {}
}

/** Settings of the product and keys of the user's own cloud are nothing for a local server. */
function groundEnv (): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(FIRN_|TEST_|AWS_|CATALOG_|KAFKA_)/.test(name)))
}

function endWithThisProcess (pid: number): void {
  if (mine.size === 0) {
    const endAll = (): void => { for (const one of mine) { send(one, 'SIGKILL'); mine.delete(one) } }
    process.once('exit', endAll)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        if (process.listenerCount(signal) > 0) return // somebody else ends this process in its own order; 'exit' does the rest
        endAll()
        process.kill(process.pid, signal)
      })
    }
  }
  mine.add(pid)
}
