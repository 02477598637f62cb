// What a process costs, read from /proc: CPU-seconds (user and system), peak resident memory, proportional memory.
// CPU-seconds of the measured process alone are the least noisy figure of a busy machine.

import { readFileSync } from 'node:fs'
import type { ChildProcess } from 'node:child_process'

const ticksPerSecond = 100 // USER_HZ, fixed on Linux for all that reads /proc
const pollMs = 20

/** User and system CPU-seconds of a process and its threads so far. */
export function cpuSeconds (pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** The highest resident memory so far, MiB. */
export function peakRssMiB (pid: number): number {
  return kibOf(`/proc/${pid}/status`, 'VmHWM') / 1024
}

/** Resident memory with shared pages counted in proportion, MiB. */
export function pssMiB (pid: number): number {
  return kibOf(`/proc/${pid}/smaps_rollup`, 'Pss') / 1024
}

/** The ids of a process and everything below it. */
export function processTree (pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  return [pid, ...children.flatMap(processTree)]
}

export interface Cost { cpuSeconds: number, peakRssMiB: number, wallSeconds: number, exitCode: number }

/** Watches a process until it ends; its last figures before the end count. */
export async function costUntilExit (child: ChildProcess): Promise<Cost> {
  const pid = child.pid as number
  const start = performance.now()
  const cost: Cost = { cpuSeconds: 0, peakRssMiB: 0, wallSeconds: 0, exitCode: -1 }
  const timer = setInterval(() => {
    try {
      cost.cpuSeconds = cpuSeconds(pid)
      cost.peakRssMiB = Math.max(cost.peakRssMiB, peakRssMiB(pid))
    } catch { /* it has ended: the figures before stand */ }
  }, pollMs)
  cost.exitCode = await new Promise(resolve => child.once('exit', code => resolve(code ?? -1)))
  clearInterval(timer)
  cost.wallSeconds = (performance.now() - start) / 1000
  return cost
}

function kibOf (file: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(file, 'utf8'))
  return Number(match?.[1] ?? 0)
}
