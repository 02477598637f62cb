// The table of docs/recovery.md, as an operator uses it: look up what one sees, do what it says. So the page cannot promise a
// sentence that is not said, or a way back that is not one.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectDir } from './night-line.ts'

export interface Advice {
  /** Matches what is said; `…` in the page stands for anything within a line. */
  readonly sees: RegExp
  /** What the page has in code under "What to do". */
  readonly commands: readonly string[]
}

export function readAdvice (page = readFileSync(join(projectDir, 'docs/recovery.md'), 'utf8')): ReadonlyMap<string, Advice> {
  const advice = new Map<string, Advice>()
  for (const [, sees, toDo] of page.matchAll(/^\| `([^`]+)` \|[^|]*\|([^|\n]*(?:\\\|[^|\n]*)*)\|$/gm)) {
    const commands = [...toDo!.matchAll(/`([^`]+)`/g)].map(([, command]) => command!)
    advice.set(sees!, { sees: new RegExp(sees!.split('…').map(part => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')), commands })
  }
  return advice
}

/** The words of a command as a sentence or the page proposes it: `npm run repair -- --all` is repair, ['--all']. */
export function wordsOf (command: string): { task: string, args: string[] } {
  const [, task, rest = ''] = /npm (?:run )?([\w:]+)(?: -- (.*))?$/.exec(command) ?? []
  if (task === undefined) throw new Error(`${command} is no command of npm`)
  return { task, args: rest.split(' ').filter(word => word !== '') }
}
