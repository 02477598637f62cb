// Whether the npm that started this command still lives. npm hands signals to a shell, which may die of them without
// handing them on: the line would run on with nobody left to end it. So the line looks for itself, and ends in order.
// Without npm above it, it was put where it is on purpose (a service manager, `nohup`) and looks for nobody.

import { readFileSync } from 'node:fs'
import { identityOf, isRunning, type ProcessIdentity } from '../../runtime/index.ts'

const lookMs = 500
const ancestorsMax = 8

/** Every process from our parent up to the nearest npm; empty when there is none. */
export function findParents (env: NodeJS.ProcessEnv = process.env, ppid: number = process.ppid): ProcessIdentity[] {
  if (env.npm_lifecycle_event === undefined) return []
  const parents: ProcessIdentity[] = []
  for (let pid = ppid; pid > 1 && parents.length < ancestorsMax;) {
    const found = read(pid)
    if (found === null) return []
    parents.push(identityOf(pid))
    if (/(^|[\s/])(npm|npx|pnpm|yarn)([\s.@-]|$)/.test(found.command) && !/\bstart\.mjs\b/.test(found.command)) return parents
    pid = found.parent
  }
  return []
}

/** Calls back once, when one of them is gone. */
export function watchParents (parents: readonly ProcessIdentity[], onGone: () => void): void {
  if (parents.length === 0) return
  const timer = setInterval(() => {
    if (parents.every(isRunning)) return
    clearInterval(timer)
    onGone()
  }, lookMs).unref()
}

function read (pid: number): { parent: number, command: string } | null {
  try {
    const parent = Number(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')[1])
    return { parent, command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') }
  } catch {
    return null
  }
}
