// Settings of the job runner and of the steps that this folder brings. Only what each command needs is read from the
// environment, so that a shell prepared for the services can run them as well.

import { Type, type Static, type TObject } from 'typebox'
import { lakeSettings } from '../../catalog/index.ts'
import { dataDirSetting, readConfig } from '../../runtime/index.ts'
import { alertSettings } from '../alerts/index.ts'
import { fail } from '../errors.ts'
import { querySettings } from '../query/open.ts'

const date = Type.Optional(Type.String({ description: 'the day that is worked on, e.g. 2026-01-31, in UTC; without it yesterday' }))

export const jobSettings = {
  FIRN_JOBS_FILE: Type.Optional(Type.String({ minLength: 1, description: 'the jobs; without it analytics/jobs/jobs.json' })),
  FIRN_JOBS_RETRY_DELAY_MS: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400_000, description: 'how long after a failed try of a step the next one begins; without it what the jobs file says' })),
  FIRN_JOBS_WAIT_SECONDS_MAX: Type.Integer({ default: 1800, minimum: 0, maximum: 86_400, description: 'how long a job waits for its day to be complete in the table' })
}

const runner = Type.Object({
  date,
  job: Type.String({ default: 'ecommerce_pipeline', description: 'which job of the jobs file' }),
  again: Type.Boolean({ default: false, description: 'run a date that is done once more' }),
  list: Type.Boolean({ default: false, description: 'print every job with its steps and its last dates, run nothing' }),
  schedule: Type.Boolean({ default: false, description: 'stay, and run every job of the file at its time' }),
  FIRN_DATA_DIR: dataDirSetting,
  ...alertSettings,
  ...jobSettings
})

const wait = Type.Object({
  date,
  drained: Type.Boolean({ default: false, description: 'the log was drained just before: a quiet day is then complete although nothing newer arrived' }),
  FIRN_DATA_DIR: dataDirSetting,
  FIRN_JOBS_WAIT_SECONDS_MAX: jobSettings.FIRN_JOBS_WAIT_SECONDS_MAX,
  ...querySettings,
  ...lakeSettings
})

const validate = Type.Object({
  date,
  mayBeEmpty: Type.Array(Type.String(), { default: [], description: 'models that may have no row for the day, comma separated' }),
  FIRN_DATA_DIR: dataDirSetting,
  ...querySettings,
  ...lakeSettings
})

export const readRunnerConfig = (argv?: string[]): Readonly<Static<typeof runner>> => read('daily', runner, argv)
export const readWaitConfig = (argv?: string[]): Readonly<Static<typeof wait>> => read('daily:wait', wait, argv)
export const readValidateConfig = (argv?: string[]): Readonly<Static<typeof validate>> => read('daily:validate', validate, argv)

function read<S extends TObject> (name: string, schema: S, argv?: string[]): Readonly<Static<S>> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_') || name in schema.properties || name === 'FIRN_LOG_LEVEL'))
  return readConfig(name, schema, argv === undefined ? { env } : { env, argv })
}

/** A day of the calendar; without one, yesterday in UTC. Throws JOB_DATE. */
export function dayOf (text: string | undefined, now: Date): string {
  if (text === undefined) return new Date(now.getTime() - 86_400_000).toISOString().slice(0, 10)
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || Number.isNaN(Date.parse(text)) || new Date(text).toISOString().slice(0, 10) !== text) throw fail('JOB_DATE', { date: text })
  return text
}
