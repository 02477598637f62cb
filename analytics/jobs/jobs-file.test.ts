import t from 'tap'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseJobs, readJobs } from './jobs-file.ts'

const parse = (job: object, defaults: object = {}) => parseJobs(JSON.stringify({ defaults, jobs: { nightly: { doc: 'what for', steps: [{ name: 'one', command: ['models'] }], ...job } } }), 'jobs.json')[0]!

t.test('the shipped jobs: the pipeline in its order, two retries after five minutes, mail, every command a task that is there', async t => {
  const [job] = readJobs()
  t.equal(job!.name, 'ecommerce_pipeline')
  t.strictSame(job!.steps.map(({ name }) => name), ['check_kafka_topic', 'run_streaming_job', 'wait_for_raw_data', 'run_rdd_etl', 'run_df_etl', 'validate_output'])
  t.strictSame(job!.steps.map(({ after }) => after[0] ?? null), [null, ...job!.steps.slice(0, -1).map(({ name }) => name)])
  t.match(job, { schedule: '@daily', emailOnFailure: true })
  for (const { retries, retryDelaySeconds } of job!.steps) t.strictSame([retries, retryDelaySeconds], [2, 300])
  const { scripts } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as { scripts: Record<string, string> }
  for (const { command: [task = ''] } of readJobs().flatMap(({ steps }) => steps)) t.ok(task in scripts, task)
  for (const model of ['orders', 'order_items', 'product_revenue']) t.ok(existsSync(join(import.meta.dirname, `../models/${model}.sql`)), model)
})

t.test('a new job is a few lines; what it leaves out it inherits', async t => {
  const job = parse({ retries: 1, steps: [{ name: 'one', command: ['export', 'orders'] }, { name: 'two', command: ['sql', 'select 1'], retries: 0, stepSecondsMax: 60 }] }, { retryDelaySeconds: 10 })
  t.match(job, { schedule: null, startsAtMinutes: 60, emailOnFailure: true })
  t.match(job.steps, [{ retries: 1, retryDelaySeconds: 10, stepSecondsMax: 7200, after: [] }, { retries: 0, retryDelaySeconds: 10, stepSecondsMax: 60, after: ['one'] }])
})

t.test('what cannot be run is refused with its place and what to do', async t => {
  const step = (more: object) => ({ steps: [{ name: 'one', command: ['models'] }, { name: 'two', command: ['models'], ...more }] })
  const refused: Array<[object, RegExp]> = [
    [{ doc: '' }, /job nightly: it needs a "doc"/],
    [{ steps: [] }, /1 to 100 "steps"/],
    [{ stpes: [] }, /it has an unknown "stpes": it is one of doc, schedule/],
    [{ schedule: '@hourly' }, /its schedule is "@hourly": it is "@daily", or left out/],
    [{ startsAt: '25:00' }, /startsAt is "25:00": a time in UTC/],
    [{ retries: -1 }, /retries of it is -1: a whole number from 0 to 20/],
    [{ retries: 2.5 }, /retries of it is 2.5/],
    [{ emailOnFailure: 'yes' }, /emailOnFailure is true or false/],
    [step({ name: 'one' }), /two steps are named one/],
    [step({ name: 'Two words' }), /"Two words" is no name/],
    [step({ command: 'models --run' }), /step two needs a "command": a list/],
    [step({ command: [] }), /step two needs a "command"/],
    [step({ command: ['sql', '{day}'] }), /has \{day\} in its command: only \{date\} is filled in/],
    [step({ after: ['two'] }), /step two comes after two, which is no step above it/],
    [step({ after: ['three'] }), /after three, which is no step above it/],
    [step({ stepSecondsMax: 0 }), /stepSecondsMax of step two is 0/]
  ]
  for (const [job, reason] of refused) t.throws(() => parse(job), { code: 'JOBS_FILE_INVALID', message: reason }, String(reason))
  t.throws(() => parseJobs('{', 'jobs.json'), { message: /jobs\.json cannot be used: it is not JSON/ })
  t.throws(() => readJobs('/no/such.json'), { message: /\/no\/such\.json cannot be used/ })
})
