// What breaks the disk under a running service: fiu makes every sync fail from one moment to the other, and a small
// preloaded library delays each sync and notes the files that reached the disk. Both need a compiler and fiu-utils.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const syncPoints = 'posix/io/sync/*'

/** Words before a program whose syncs `failSyncs` can break later. */
export function breakable (dir: string, name: string): string[] {
  return ['fiu-run', '-x', '-f', join(dir, `fiu-${name}`)]
}

/** From now on every fsync, fdatasync and msync of the process fails, until `heal`. */
export function failSyncs (dir: string, name: string, pid: number): void {
  control(dir, name, pid, `enable name=${syncPoints}`)
}

export function healSyncs (dir: string, name: string, pid: number): void {
  control(dir, name, pid, `disable name=${syncPoints}`)
}

function control (dir: string, name: string, pid: number, command: string): void {
  execFileSync('fiu-ctrl', ['-f', join(dir, `fiu-${name}`), '-c', command, String(pid)], { timeout: 5_000 })
}

export interface SyncWatch {
  /** For the environment of the watched process. */
  readonly env: Record<string, string>
  delay(ms: number): void
  /** Path → microseconds of each sync that succeeded, in order. */
  synced(): Map<string, number[]>
}

/** Compiles the watching library into `dir` and describes how to preload it. */
export function watchSyncs (dir: string, name: string): SyncWatch {
  const library = join(dir, 'sync-watch.so')
  if (!existsSync(library)) {
    execFileSync('gcc', ['-O2', '-Wall', '-Werror', '-shared', '-fPIC', '-o', library, join(import.meta.dirname, 'sync-watch.c'), '-ldl'], { timeout: 60_000 })
  }
  const [delayFile, logFile] = [join(dir, `${name}.delay`), join(dir, `${name}.synced`)]
  return {
    env: { LD_PRELOAD: library, SYNC_WATCH_DELAY: delayFile, SYNC_WATCH_LOG: logFile },
    delay: ms => {
      if (ms === 0) rmSync(delayFile, { force: true })
      else writeFileSync(delayFile, String(ms))
    },
    synced: () => {
      const calls = new Map<string, number[]>()
      if (!existsSync(logFile)) return calls
      for (const line of readFileSync(logFile, 'utf8').split('\n').filter(Boolean)) {
        const space = line.indexOf(' ')
        const path = line.slice(space + 1)
        const times = calls.get(path) ?? []
        times.push(Number(line.slice(0, space)))
        calls.set(path, times)
      }
      return calls
    }
  }
}
