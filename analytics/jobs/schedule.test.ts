import t from 'tap'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { dayOf } from './config.ts'
import { alertOf } from './job-alerts.ts'
import { parseJobs } from './jobs-file.ts'
import { dateDue, runSchedule } from './schedule.ts'

t.test('a daily job is due for yesterday from its time on', async t => {
  const job = { schedule: '@daily', startsAtMinutes: 60 } as const
  t.equal(dateDue(job, new Date('2026-02-01T00:59:59Z')), null)
  t.equal(dateDue(job, new Date('2026-02-01T01:00:00Z')), '2026-01-31')
  t.equal(dateDue(job, new Date('2026-02-01T23:59:59Z')), '2026-01-31')
  t.equal(dateDue({ ...job, schedule: null }, new Date('2026-02-01T01:00:00Z')), null)
})

t.test('the schedule runs each job once a day, and one that failed for good waits for a person', async t => {
  const dataDir = t.testdir()
  const job = (name: string, code: string) => ({ [name]: { doc: 'x', schedule: '@daily', retries: 0, steps: [{ name: 'one', command: [name, code] }] } })
  const jobs = parseJobs(JSON.stringify({ jobs: { ...job('good', '//'), ...job('bad', 'process.exit(1)') } }), 'jobs.json')
  const stop = new AbortController()
  let now = new Date('2026-02-01T00:30:00Z')
  const told: string[] = []
  const ran = (): string[] => existsSync(join(dataDir, 'ran')) ? readFileSync(join(dataDir, 'ran'), 'utf8').trim().split(' ').sort() : []
  const running = runSchedule({
    jobs, dataDir, signal: stop.signal, lookEveryMs: 10, now: () => now, onFailure: async ({ job, date }) => { told.push(`${job} ${date}`) },
    commandOf: ([name, code]) => [process.execPath, '-e', `require('fs').appendFileSync(${JSON.stringify(join(dataDir, 'ran'))}, '${name} ');${code}`]
  })
  const untilTold = async (count: number): Promise<void> => { while (told.length < count || ran().length < 2 * count) await sleep(10) }
  await sleep(60)
  t.strictSame(ran(), [], 'it is not time yet')
  now = new Date('2026-02-01T01:00:00Z')
  await untilTold(1)
  await sleep(60)
  t.strictSame(ran(), ['bad', 'good'])
  now = new Date('2026-02-04T02:00:00Z')
  await untilTold(2)
  await sleep(60)
  stop.abort()
  await running
  t.strictSame(ran(), ['bad', 'bad', 'good', 'good'], 'days that were missed are not caught up with')
  t.strictSame(told, ['bad 2026-01-31', 'bad 2026-02-03'])
})

t.test('a date is a day of the calendar; without one it is yesterday', async t => {
  t.equal(dayOf(undefined, new Date('2026-02-01T00:00:00Z')), '2026-01-31')
  t.equal(dayOf('2024-02-29', new Date()), '2024-02-29')
  for (const date of ['2026-02-29', '2026-2-1', '31.01.2026', '', "2026-01-01'; select 1"]) t.throws(() => dayOf(date, new Date()), { code: 'JOB_DATE' }, date)
})

t.test('the same run makes the same alert, another run another one', async t => {
  const failure = { job: 'daily', date: '2026-01-31', run: 2, step: 'validate', tries: 3, reason: 'it ended with 1', logFile: '/logs/x', at: new Date(0) }
  t.match(alertOf(failure), { id: 'job-daily-2026-01-31-2', kind: 'job', title: 'daily for 2026-01-31 failed at validate', evidence: ['it ended with 1', /3 tries/, /\/logs\/x/, /npm run daily -- --job daily --date 2026-01-31/] })
  t.not(alertOf({ ...failure, run: 3 }).id, alertOf(failure).id)
})
