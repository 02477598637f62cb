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

/** The same with system calls that fail as libfiu is told; null where libfiu is not installed. */
export function startFailing (t: Test, faults: string, ...words: string[]): ChildProcess | null {
  if (spawnSync('fiu-run', ['-h']).error !== undefined) return null
  const child = spawn('fiu-run', ['-x', '-c', faults, process.execPath, adversary, ...words], { stdio: ['ignore', 'pipe', 'ignore'] })
  t.teardown(() => child.kill('SIGKILL'))
  return child
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
