// What the line's services hold of the machine's memory, by the kernel's own account, and the most that each ever held.

import { globSync, readFileSync, writeFileSync } from 'node:fs'

export interface ServiceProcess {
  readonly name: string
  readonly pid: number
}

const names: Readonly<Record<string, string>> = { 'catalog/server/main.ts': 'catalog', 'writer/main.ts': 'writer', 'analytics/main.ts': 'analytics', 'gateway/main.ts': 'gateway' }

/** The services below a process, whatever stands in between. */
export function servicesBelow (pid: number): ServiceProcess[] {
  const parents = new Map(globSync('/proc/[0-9]*').flatMap(folder => {
    const parent = /^PPid:\s+(\d+)$/m.exec(read(`${folder}/status`))?.[1]
    return parent === undefined ? [] : [[Number(folder.slice('/proc/'.length)), Number(parent)] as const]
  }))
  const isBelow = (child: number): boolean => {
    for (let at = parents.get(child); at !== undefined && at > 0; at = parents.get(at)) if (at === pid) return true
    return false
  }
  return [...parents.keys()].filter(isBelow).flatMap(child => {
    const command = read(`/proc/${child}/cmdline`)
    const entry = Object.keys(names).find(each => command.includes(each))
    return entry === undefined ? [] : [{ name: names[entry]!, pid: child }]
  })
}

/** The most that a process held at one time since it began or since `forgetPeak`; 0 when it is gone. */
export function peakBytes (pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024
}

/** From now on the peak is counted anew. */
export function forgetPeak (pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

function read (file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
