// `npm run test:airflow [tests]`: Airflow itself loads and runs our DAGs (test_dag.py), with the project's commands replaced by a
// tiny program, mails caught by a mail server here, and everything in a folder of its own; then one run with the real commands
// over a small line. Closes with `N passed, N failed`.

import { spawn } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { once } from 'node:events'
import { SMTPServer } from 'smtp-server'
import { complain, sentenceOf, show } from '../../runtime/index.ts'
import { runTool } from '../servers/run-tool.ts'
import { installAirflow } from './install.ts'
import { startTinyLine } from './tiny-line.ts'

const testsMsMax = 15 * 60_000
const began = Date.now()
const folder = mkdtempSync(join(tmpdir(), 'firn-airflow-'))
const mails = join(folder, 'mails.ndjson')
const server = new SMTPServer({
  authOptional: true, disabledCommands: ['STARTTLS'], logger: false,
  onData (stream, session, callback) {
    void text(stream).then(body => {
      appendFileSync(mails, JSON.stringify({ to: session.envelope.rcptTo.map(({ address }) => address), text: body }) + '\n')
      callback()
    })
  }
})

let code = 1
let stopLine = async (): Promise<void> => {}
try {
  const { python, ms } = await installAirflow(say)
  say(`Airflow is there after ${(ms / 1000).toFixed(1)} s`)
  const listener = server.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const env = environment(python, (listener.address() as AddressInfo).port)
  const migrated = Date.now()
  await runTool(python, ['-W', 'ignore', '-m', 'airflow', 'db', 'migrate'], { what: 'Airflow\'s database', env })
  say(`its database after ${((Date.now() - migrated) / 1000).toFixed(1)} s`)
  const line = await startTinyLine(join(folder, 'data'))
  stopLine = line.stop
  code = await runTests(python, { ...env, TEST_LINE: JSON.stringify(line.env), TEST_RUNNER: `${process.execPath} start.mjs` })
} catch (error) {
  say(sentenceOf(error))
  show('0 passed, 1 failed')
} finally {
  await stopLine()
  server.close()
}
if (code === 0) rmSync(folder, { recursive: true, force: true })
else say(`what it left is in ${folder}`)
process.exit(code)

function environment (python: string, mailPort: number): Record<string, string> {
  return {
    AIRFLOW_HOME: folder,
    AIRFLOW__CORE__LOAD_EXAMPLES: 'False',
    AIRFLOW__CORE__DAGS_FOLDER: join(import.meta.dirname, 'dags'),
    AIRFLOW__LOGGING__LOGGING_LEVEL: 'WARNING',
    AIRFLOW_CONN_SMTP_DEFAULT: JSON.stringify({ conn_type: 'smtp', host: '127.0.0.1', port: mailPort, extra: { disable_ssl: true, disable_tls: true, from_email: 'airflow@shop.example' } }),
    PYTHONDONTWRITEBYTECODE: '1',
    TEST_CALLS: join(folder, 'calls.ndjson'),
    TEST_MAILS: mails,
    FIRN_ALERT_TO: 'ops@shop.example',
    FIRN_PROJECT_RUNNER: `${python} ${join(import.meta.dirname, 'tiny_step.py')}`
  }
}

/** unittest's report goes to stderr, what Airflow says to a file; the last line of stdout is the count. */
async function runTests (python: string, env: Record<string, string>): Promise<number> {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(FIRN_|AIRFLOW|TEST_)/.test(name)))
  const child = spawn(python, ['-W', 'ignore', join(import.meta.dirname, 'test_dag.py'), ...process.argv.slice(2)], { env: { ...clean, ...env }, stdio: ['ignore', 'pipe', 'inherit'], timeout: testsMsMax })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { child.kill('SIGTERM') })
  const ended = once(child, 'close')
  const printed = await text(child.stdout)
  const [exit] = await ended as [number | null]
  const last = printed.trim().split('\n').at(-1) ?? ''
  say(`${Math.round((Date.now() - began) / 1000)} s`)
  const counted = /^\d+ passed, \d+ failed$/.test(last)
  if (!counted || exit !== 0) complain(printed.trimEnd().slice(-10_000, counted ? -last.length : undefined).split('\n'))
  show(counted ? last : '0 passed, 1 failed')
  return counted ? exit ?? 1 : 1
}

function say (sentence: string): void {
  complain(`airflow: ${sentence}`)
}
