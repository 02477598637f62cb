// One try of a step: its command as a process in a group of its own, bounded in time, what it prints in the step's log. When the
// time is up or the run is stopped the whole group is ended, first asked, then killed. The command is never read by a shell.

import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { identityOf, isRunning, type ProcessIdentity } from '../../runtime/index.ts'

const logBytesMax = 16 * 1024 ** 2
const tailBytesMax = 4000
const graceMs = 12_000
const lookEveryMs = 100

export interface StepProcess {
  readonly command: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  readonly logFile: string
  readonly msMax: number
  readonly signal: AbortSignal
  /** Told the process once it runs, before anything is waited for. */
  readonly onStart: (process: ProcessIdentity) => Promise<void>
}

/** Resolves with null when it ended with 0, else with the reason in a sentence. */
export async function runStep ({ command, env, cwd, logFile, msMax, signal, onStart }: StepProcess): Promise<string | null> {
  const log = createWriteStream(logFile, { flags: 'a' })
  const child = spawn(command[0]!, command.slice(1), { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let [tail, bytes] = ['', 0]
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      tail = (tail + text).slice(-tailBytesMax)
      if (bytes > logBytesMax) return
      bytes += text.length
      log.write(bytes > logBytesMax ? `\n… more than ${logBytesMax} bytes: the rest is not kept\n` : text)
    })
  }
  let ended: 'late' | 'stopped' | null = null
  const end = (why: 'late' | 'stopped'): void => {
    ended ??= why
    if (child.pid !== undefined) void endGroup(identityOf(child.pid))
  }
  const late = setTimeout(() => { end('late') }, msMax)
  const stop = (): void => { end('stopped') }
  signal.addEventListener('abort', stop, { once: true })
  const { promise, resolve } = Promise.withResolvers<number | string>()
  child.once('error', error => { resolve(error.message) })
  child.once('close', (code, killedBy) => { resolve(code ?? killedBy ?? 'no code') })
  try {
    if (child.pid !== undefined) await onStart(identityOf(child.pid))
    if (signal.aborted) stop()
    const code = await promise
    if (ended === 'late') return `it ran longer than ${msMax / 1000} s and was ended`
    if (ended === 'stopped') return 'the run was stopped'
    if (code === 0) return null
    const words = lastWords(tail)
    return typeof code === 'number' || /^SIG/.test(code) ? `it ended with ${code}${words === '' ? '' : `: ${words}`}` : `it cannot be started: ${code}`
  } finally {
    clearTimeout(late)
    signal.removeEventListener('abort', stop)
    log.end()
    await once(log, 'close')
  }
}

/** Asks the process group to end; kills it after a grace, and what its leader left behind. Also for a group of a run that was killed. */
export async function endGroup (leader: ProcessIdentity): Promise<void> {
  const tell = (what: NodeJS.Signals): void => {
    try {
      process.kill(-leader.pid, what)
    } catch { /* it has ended */ }
  }
  tell('SIGTERM')
  for (const until = performance.now() + graceMs; performance.now() < until && isRunning(leader);) await sleep(lookEveryMs)
  tell('SIGKILL')
}

/** What it said last, in one line: the reason of nearly every failure. */
function lastWords (tail: string): string {
  return tail.split('\n').map(line => line.trim()).filter(line => line !== '').slice(-3).join(' | ').slice(-600)
}
