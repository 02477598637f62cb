// jobs.json: every job with its steps, read and checked as a whole. A step is a task of start.mjs with its words; `{date}` in
// them is the day that the job works on. Steps run in the file's order unless one says `after`. The Airflow DAGs are made from
// the same file, so it is plain data. Refuses what it does not know, names that repeat, and a step that waits for itself.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sentenceOf } from '../../runtime/index.ts'
import { fail } from '../errors.ts'

/** How often and how long a step is tried. */
export interface StepLimits {
  readonly retries: number
  readonly retryDelaySeconds: number
  readonly stepSecondsMax: number
}

export interface Step extends StepLimits {
  readonly name: string
  /** A task of start.mjs and its words. */
  readonly command: readonly string[]
  readonly after: readonly string[]
}

export interface Job {
  readonly name: string
  readonly doc: string
  /** null: only when it is asked for. */
  readonly schedule: '@daily' | null
  /** Minutes after midnight UTC at which the day before is worked on. */
  readonly startsAtMinutes: number
  readonly emailOnFailure: boolean
  readonly steps: readonly Step[]
}

const usual = { retries: 2, retryDelaySeconds: 300, stepSecondsMax: 7200, emailOnFailure: true }
const bounds = { retries: [0, 20], retryDelaySeconds: [0, 86_400], stepSecondsMax: [1, 86_400] } as const
const limitNames = Object.keys(bounds) as Array<keyof typeof bounds>
const stepsMax = 100
type Refuse = (reason: string) => never

/** Throws JOBS_FILE_INVALID. */
export function readJobs (file = join(import.meta.dirname, 'jobs.json')): Job[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw fail('JOBS_FILE_INVALID', { file, reason: sentenceOf(error) }, error)
  }
  return parseJobs(text, file)
}

/** Throws JOBS_FILE_INVALID with the file and what to mend. */
export function parseJobs (text: string, file: string): Job[] {
  const refuse: Refuse = reason => { throw fail('JOBS_FILE_INVALID', { file, reason }) }
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch (error) {
    refuse(`it is not JSON (${sentenceOf(error)})`)
  }
  const { defaults = {}, jobs } = objectOf(body, 'the file', ['defaults', 'jobs'], refuse)
  const given = objectOf(defaults, 'defaults', [...limitNames, 'emailOnFailure'], refuse)
  const limits = limitsOf(given, usual, 'defaults', refuse)
  const emailOnFailure = booleanOf(given.emailOnFailure ?? usual.emailOnFailure, 'defaults.emailOnFailure', refuse)
  return Object.entries(objectOf(jobs, 'jobs', null, refuse)).map(([name, job]) => readJob(name, job, { ...limits, emailOnFailure }, refuse))
}

function readJob (name: string, value: unknown, inherited: StepLimits & { emailOnFailure: boolean }, refuse: Refuse): Job {
  const refuseHere: Refuse = reason => refuse(`job ${name}: ${reason}`)
  checkName(name, refuseHere)
  const given = objectOf(value, 'it', ['doc', 'schedule', 'startsAt', 'steps', 'emailOnFailure', ...limitNames], refuseHere)
  const limits = limitsOf(given, inherited, 'it', refuseHere)
  const { doc = '', schedule = null, startsAt = '01:00', steps } = given
  if (typeof doc !== 'string' || doc === '') refuseHere('it needs a "doc" that says what it is for')
  if (schedule !== null && schedule !== '@daily') refuseHere(`its schedule is ${JSON.stringify(schedule)}: it is "@daily", or left out`)
  const time = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(String(startsAt)) ?? refuseHere(`startsAt is ${JSON.stringify(startsAt)}: a time in UTC such as "01:00"`)
  if (!Array.isArray(steps) || steps.length === 0 || steps.length > stepsMax) return refuseHere(`it needs 1 to ${stepsMax} "steps"`)
  const read: Step[] = []
  for (const step of steps) read.push(readStep(step, read, limits, refuseHere))
  return {
    name, doc: doc as string, schedule: schedule as '@daily' | null, steps: read,
    startsAtMinutes: Number(time[1]) * 60 + Number(time[2]),
    emailOnFailure: booleanOf(given.emailOnFailure ?? inherited.emailOnFailure, 'emailOnFailure', refuseHere)
  }
}

function readStep (value: unknown, before: readonly Step[], inherited: StepLimits, refuse: Refuse): Step {
  const given = objectOf(value, 'a step', ['name', 'command', 'after', ...limitNames], refuse)
  const name = String(given.name ?? '')
  checkName(name, refuse)
  if (before.some(step => step.name === name)) refuse(`two steps are named ${name}`)
  const words = (list: unknown): list is string[] => Array.isArray(list) && list.every(word => typeof word === 'string' && word !== '')
  if (!words(given.command) || given.command.length === 0) return refuse(`step ${name} needs a "command": a list of a task and its words, such as ["models", "--run"]`)
  const hole = given.command.join(' ').match(/\{(?!date\})\w+\}/)
  if (hole !== null) refuse(`step ${name} has ${hole[0]} in its command: only {date} is filled in`)
  const after = given.after ?? before.slice(-1).map(step => step.name)
  if (!words(after)) return refuse(`"after" of step ${name} is a list of steps`)
  // A step may name only what stands above it, so no cycle can be written.
  const missing = after.find(other => !before.some(step => step.name === other))
  if (missing !== undefined) refuse(`step ${name} comes after ${missing}, which is no step above it`)
  return { name, command: given.command, after, ...limitsOf(given, inherited, `step ${name}`, refuse) }
}

function limitsOf (given: Record<string, unknown>, inherited: StepLimits, where: string, refuse: Refuse): StepLimits {
  const one = (name: keyof typeof bounds): number => {
    const value = given[name] ?? inherited[name]
    const [least, most] = bounds[name]
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) refuse(`${name} of ${where} is ${JSON.stringify(value)}: a whole number from ${least} to ${most}`)
    return value as number
  }
  return { retries: one('retries'), retryDelaySeconds: one('retryDelaySeconds'), stepSecondsMax: one('stepSecondsMax') }
}

function objectOf (value: unknown, where: string, known: readonly string[] | null, refuse: Refuse): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(`${where} is not an object`)
  const unknown = known === null ? undefined : Object.keys(value).find(name => !known.includes(name))
  if (unknown !== undefined) refuse(`${where} has an unknown "${unknown}": it is one of ${known!.join(', ')}`)
  return value as Record<string, unknown>
}

function booleanOf (value: unknown, where: string, refuse: Refuse): boolean {
  return typeof value === 'boolean' ? value : refuse(`${where} is true or false`)
}

/** Names become folders, files and Airflow's ids. */
function checkName (name: string, refuse: Refuse): void {
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(name)) refuse(`${JSON.stringify(name)} is no name: lower case letters, digits and _`)
}
