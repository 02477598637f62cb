// What is known of one run (a job and a date), kept in a file that is replaced as a whole, so that a run that was killed goes on
// at the step where it was. One file per date; a date that is done says so.

import { mkdir, open, readFile, readdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fail } from '../errors.ts'
import type { ProcessIdentity } from '../../runtime/index.ts'

export interface StepState {
  readonly state: 'running' | 'waiting' | 'done' | 'failed'
  /** Tries begun in this run. */
  readonly tries: number
  readonly beganAt: string
  readonly endedAt?: string
  readonly reason?: string
  /** The step's process while it runs. */
  readonly process?: ProcessIdentity
}

export interface RunState {
  readonly v: 1
  readonly job: string
  readonly date: string
  /** How many times this date was begun anew; a run that goes on after a crash is the same one. */
  readonly run: number
  readonly outcome: 'running' | 'done' | 'failed'
  readonly beganAt: string
  readonly endedAt?: string
  readonly steps: Readonly<Record<string, StepState>>
}

export function runFolder (dataDir: string, job: string, date: string): string {
  return join(dataDir, 'jobs', job, date)
}

/** null when this date was never begun. Throws JOB_STATE_UNREADABLE. */
export async function readRunState (folder: string): Promise<RunState | null> {
  const file = join(folder, 'state.json')
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  try {
    const state = JSON.parse(text) as RunState
    if (state.v !== 1 || typeof state.steps !== 'object') throw new Error(`its format is ${String(state.v)}, this version reads 1`)
    return state
  } catch (error) {
    throw fail('JOB_STATE_UNREADABLE', { file, reason: (error as Error).message }, error)
  }
}

/** On the disk when it resolves: file and folder. */
export async function writeRunState (folder: string, state: RunState): Promise<void> {
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'state.json')
  await writeThrough(`${file}.partial`, `${JSON.stringify(state, null, 2)}\n`)
  await rename(`${file}.partial`, file)
  const holder = await open(dirname(file), 'r')
  await holder.sync().finally(() => holder.close())
}

/** The dates of a job that were begun, newest first. */
export async function datesOf (dataDir: string, job: string): Promise<string[]> {
  const names = await readdir(join(dataDir, 'jobs', job)).catch(() => [] as string[])
  return names.filter(name => /^\d{4}-\d{2}-\d{2}$/.test(name)).sort().reverse()
}

async function writeThrough (path: string, text: string): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}
