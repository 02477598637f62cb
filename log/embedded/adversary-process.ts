// Starts the adversary of the embedded log and reads what it prints.

import type { Test } from 'tap'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const adversary = fileURLToPath(new URL('adversary.ts', import.meta.url))

export function startAdversary (t: Test, ...words: string[]): ChildProcess {
  const child = spawn(process.execPath, [adversary, ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

const startMsMax = 8_000
const startsMax = 6

/**
 * What it prints when system calls fail as libfiu is told; null where libfiu is not installed.
 *
 * libfiu locks up now and then while the program loads its native modules: a thread that holds libfiu's lock waits in dlsym for the
 * loader's, and the loader waits in malloc for libfiu's. What has not opened its log by then is started again.
 */
export async function linesOfFailing (t: Test, faults: string, ...words: string[]): Promise<string[] | null> {
  if (spawnSync('fiu-run', ['-h']).error !== undefined) return null
  for (let starts = 1; ; starts++) {
    const child = spawn('fiu-run', ['-x', '-c', faults, process.execPath, adversary, ...words], { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
    // fiu-run is a script: its child would outlive it.
    const kill = (): void => { try { process.kill(-child.pid!, 'SIGKILL') } catch {} }
    t.teardown(kill)
    let hasOpened = false
    child.stdout.once('data', () => { hasOpened = true })
    const late = setTimeout(() => { if (!hasOpened) kill() }, startMsMax)
    const lines = await collectLines(child).end()
    clearTimeout(late)
    if (hasOpened) return lines.slice(1)
    if (starts === startsMax) throw new Error(`${startsMax} starts under libfiu, and none opened its log within ${startMsMax} ms`)
  }
}

/** The whole lines that a child printed: `lines` waits until there are enough, `end` until it is gone. */
export function collectLines (child: ChildProcess): { lines(count: number): Promise<void>, end(): Promise<string[]> } {
  let text = ''
  const ended = new Promise<void>(resolve => child.on('close', () => { resolve() }))
  child.stdout!.on('data', chunk => { text += String(chunk) })
  return {
    lines: async count => {
      while (text.split('\n').length <= count) await new Promise(resolve => child.stdout!.once('data', resolve))
    },
    end: async () => {
      await ended
      return text.split('\n').slice(0, -1)
    }
  }
}
