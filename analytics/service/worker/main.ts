// The process in which statements of strangers run: a DuckDB sandbox, no credentials, no environment, no catalog. Whatever a
// statement does to it (endless, out of memory, a crash), it is ended and replaced; the service goes on.

import { Socket } from 'node:net'
import { once } from 'node:events'
import { FirnError, onLine } from '../../../runtime/index.ts'
import { fail } from '../../errors.ts'
import { openRows } from '../../query/duckdb-rows.ts'
import { explainSqlError } from '../../query/duckdb-statement.ts'
import { answerFrames } from '../formats/answer-frames.ts'
import { printFrame, type AnswerFailure, type Frame } from './frames.ts'
import { memorySignal, type Command, type SandboxLimits, type SandboxPlan } from './protocol.ts'
import { Sandboxes, type Sandbox } from './sandbox.ts'
import { openStatementCheck } from './statement-check.ts'

const memoryLookMs = 50

const out = new Socket({ fd: 3 })
const checking = openStatementCheck()
let sandboxes: Sandboxes
let limits: SandboxLimits
let running: { sandbox: Sandbox | null, readonly stop: AbortController } | null = null
let planned: ((plan: SandboxPlan) => void) | null = null

out.on('error', () => { end('SIGKILL') })
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})

for (const last of ['end', 'close']) process.stdin.on(last, () => { end('SIGKILL') })
onLine(process.stdin, line => {
  const command = JSON.parse(line) as Command
  switch (command.do) {
    case 'limits':
      limits = command.limits
      sandboxes = new Sandboxes(limits)
      break
    case 'plan': planned?.(command.plan); break
    case 'interrupt':
      if (running === null) break
      running.stop.abort()
      running.sandbox?.connection.interrupt()
      break
    case 'run': void run(command)
  }
})

async function run ({ sql, key, shape }: Extract<Command, { do: 'run' }>): Promise<void> {
  const own: NonNullable<typeof running> = running = { sandbox: null, stop: new AbortController() }
  const memoryWatch = watchMemory()
  try {
    await (await checking).check(sql)
    own.sandbox = sandboxes.get(key) ?? await sandboxes.open(await askForPlan())
    const answer = await openRows(own.sandbox.connection, sql, own.stop.signal)
    if (own.stop.signal.aborted) throw fail('QUERY_CANCELLED')
    for await (const frame of answerFrames(answer, shape)) await send(frame)
  } catch (error) {
    if (own.sandbox !== null) sandboxes.forget(key)
    await send({ kind: 'failed', failure: failureOf(error, sql) })
  } finally {
    clearInterval(memoryWatch)
    running = null
  }
}

async function askForPlan (): Promise<SandboxPlan> {
  const plan = new Promise<SandboxPlan>(resolve => { planned = resolve })
  await send({ kind: 'plan' })
  return await plan
}

async function send (frame: Frame): Promise<void> {
  if (!out.write(printFrame(frame))) await once(out, 'drain')
}

function failureOf (error: unknown, sql: string): AnswerFailure {
  const { message = String(error) } = error as Error
  const known = /^(Out of Memory Error|Invalid (array|string) length|Array buffer allocation failed|Cannot create a string longer)/.test(message)
    ? fail('QUERY_MEMORY_LIMIT', { bound: `${limits.memoryMiBMax} MiB (FIRN_QUERY_MEMORY_MIB_MAX)` })
    : error instanceof FirnError ? error : explainSqlError(error, sql) as FirnError
  return { code: known.code, message: known.message, retryable: known.retryable, httpStatus: known.httpStatus ?? 500 }
}

/** DuckDB's own limit does not count what a single value or a list takes. */
function watchMemory (): NodeJS.Timeout {
  return setInterval(() => {
    if (process.memoryUsage.rss() / 2 ** 20 > limits.processMiBMax) end(memorySignal)
  }, memoryLookMs)
}

/** Not process.exit: that waits for the thread in which the statement is busy. */
function end (signal: NodeJS.Signals): void {
  process.kill(process.pid, signal)
}
