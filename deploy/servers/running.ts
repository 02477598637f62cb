// One server as a process: started in its own session with its words in a file, waited for until it answers, paused,
// resumed and stopped by its pid alone. Unless `keep` is set it ends with the process that started it, whatever ends that.

import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
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
      await stopPid(child.pid!)
      throw fail('SERVER_NOT_READY', { server: what.name, readyMsMax: what.readyMsMax, reason, logFile })
    }
    await sleep(pollMs)
  }
  const pid = child.pid!
  writeFileSync(join(what.dir, `${what.name}.pid`), JSON.stringify({ pid, born: bornOf(pid), port: what.port, url: what.url }))
  return {
    name: what.name,
    url: what.url,
    port: what.port,
    pid,
    env: what.testEnv,
    pause: () => { process.kill(pid, 'SIGSTOP') },
    resume: () => { process.kill(pid, 'SIGCONT') },
    stop: async signal => { await stopPid(pid, signal) }
  }
}

/** Ends a process by pid; nothing when it is gone already. `born` guards against a number that was given to another. */
export async function stopPid (pid: number, signal: NodeJS.Signals = 'SIGTERM', born = bornOf(pid)): Promise<void> {
  const there = (): boolean => born !== undefined && bornOf(pid) === born
  if (!there()) return
  send(pid, signal)
  send(pid, 'SIGCONT')
  const deadline = Date.now() + stopMsMax
  while (there()) {
    if (Date.now() > deadline) send(pid, 'SIGKILL')
    await sleep(pollMs)
  }
  mine.delete(pid)
}

/** When a process was started, as far as the system tells: with the pid it names one process. Undefined: gone (or a zombie). */
export function bornOf (pid: number): string | undefined {
  if (existsSync('/proc/self/stat')) {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')
      return fields[0] === 'Z' ? undefined : fields[19]
    } catch {
      return undefined
    }
  }
  try {
    process.kill(pid, 0)
    return 'alive'
  } catch {
    return undefined
  }
}

export async function demandFreePort (server: string, port: number): Promise<void> {
  if (!await isFree(port)) throw fail('SERVER_PORT_IN_USE', { server, port })
}

/** The first of `count` ports in a row that are free now. */
export async function freePorts (count: number): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const first = 20_000 + Math.floor(Math.random() * 12_000) // below the range of outgoing connections
    const free = await Promise.all(Array.from({ length: count }, async (_, at) => await isFree(first + at)))
    if (free.every(Boolean)) return first
  }
  throw new Error('no free ports below 32000')
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

async function isFree (port: number): Promise<boolean> {
  const server = createServer()
  const { promise, resolve } = Promise.withResolvers<boolean>()
  server.once('error', () => { resolve(false) }).listen(port, '127.0.0.1', () => { server.close(() => { resolve(true) }) })
  return await promise
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
