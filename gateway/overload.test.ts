// More is sent than can be taken in time: what is refused, when, and what requests are counted to hold.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Log } from '../log/index.ts'
import { until } from '../runtime/index.ts'
import { Budget } from './budget.ts'
import { Overload } from './overload.ts'
import { someEvent, startGateway } from './started-gateway.ts'

function overloaded (t: Test, heldBytes = 500): { overload: Overload, pass: (ms: number) => void, late: (ms: number) => void, reason: () => string | null } {
  let nowMs = 0
  const budget = new Budget({ bytesMax: 1000 })
  budget.charge(heldBytes, null)
  const overload = new Overload({ budget, queueMsMax: 1000, nowMs: () => nowMs })
  overload.close()
  t.teardown(() => { overload.close() })
  return {
    overload,
    pass: ms => {
      // In turns as they should be: the loop is not late.
      for (let left = ms; left > 0; left -= 50) {
        nowMs += Math.min(50, left)
        overload.tick()
      }
    },
    late: ms => { nowMs += ms },
    reason: () => {
      try {
        overload.admit()
        return null
      } catch (error) {
        t.match(error, { code: 'GATEWAY_OVERLOADED', httpStatus: 503, retryable: true })
        return (error as Error).message
      }
    }
  }
}

t.test('a log that confirms nothing for too long sheds, and a single slow append among others does not', t => {
  const { overload, pass, reason } = overloaded(t)
  const slow = overload.begin()
  pass(1000)
  t.equal(reason(), null)
  pass(1)
  t.match(reason(), /confirmed nothing for 1001 ms/)
  t.match(overload.shedding, /overloaded/)
  overload.begin()()
  t.equal(reason(), null, 'another one passed: it is that partition')
  t.match(overload.shedding, /overloaded/, 'a moment ago it did')
  pass(1000)
  t.equal(overload.shedding, null)
  slow()
  t.equal(overload.shed, 1)
  t.end()
})

t.test('a log that confirms each request too late sheds until it is quick again, or nothing waits', t => {
  const { overload, pass, reason } = overloaded(t)
  for (let i = 0; i < 4; i++) {
    const ended = overload.begin()
    pass(1200)
    ended()
  }
  const waiting = overload.begin()
  t.match(reason(), /takes 1200 ms and more/)
  overload.begin()()
  t.equal(reason(), null)
  waiting()
  t.equal(reason(), null)
  t.end()
})

t.test('a loop that is late sheds, while much is held', t => {
  for (const [held, sheds] of [[500, true], [125, true], [124, false]] as const) {
    const { pass, late, reason } = overloaded(t, held)
    pass(300)
    t.equal(reason(), null)
    late(301)
    t.equal(reason() !== null, sheds, `${held} of 1000 held`)
    pass(50)
    t.equal(reason() !== null, sheds, 'it was late a moment ago')
    pass(1500)
    t.equal(reason(), null, 'it is in time again')
  }
  t.end()
})

t.test('a request that would wait too long is refused at its head with 503 and Retry-After, and /readyz says why', async t => {
  let elapsed = 0
  let open = (): void => {}
  const opened = new Promise<void>(resolve => { open = resolve })
  let handed = 0
  const gateway = await startGateway(t, {
    settings: { FIRN_GATEWAY_UNACKNOWLEDGED_BYTES_MAX: '8000', FIRN_GATEWAY_QUEUE_MS_MAX: '1000' },
    waitedMs: () => elapsed,
    wrap: log => Object.assign(Object.create(log) as Log, {
      checkReady: async () => { await log.checkReady() },
      append: async (records: Parameters<Log['append']>[0]) => {
        handed++
        await opened
        return await log.append(records)
      }
    })
  })
  const post = async (id: string) => await gateway.app.inject({ method: 'POST', url: '/v1/events', headers: { 'content-type': 'application/json' }, payload: someEvent({ event_id: id, properties: { x: 'x'.repeat(600) } }) })
  const first = post('a')
  await until(() => handed === 1)
  elapsed += 1001
  const refused = await post('b')
  t.same([refused.statusCode, refused.json().code, refused.json().retryable, refused.headers['retry-after']], [503, 'GATEWAY_OVERLOADED', true, '1'])
  const ready = await gateway.app.inject('/readyz')
  t.equal(ready.statusCode, 503)
  t.match(ready.json().message, /overloaded/)
  open()
  t.equal((await first).statusCode, 202)
  t.equal((await post('b')).statusCode, 202)
  t.match((await gateway.app.inject('/metrics')).body, /firn_gateway_requests_shed_total 1\n/)
  t.match((await gateway.app.inject('/metrics')).body, /firn_gateway_unacknowledged_bytes 0\n/)
})

t.test('what a request is counted to hold is at least what it holds', t => {
  const run = spawnSync(process.execPath, ['--expose-gc', join(import.meta.dirname, 'held-memory.fixture.ts')], { encoding: 'utf8' })
  t.equal(run.status, 0, run.stderr)
  for (const { eventBytes, held, counted } of JSON.parse(run.stdout) as { eventBytes: number, held: number, counted: number }[]) {
    t.ok(held <= counted, `events of ${eventBytes} bytes: ${held} held, ${counted} counted for each byte of the body`)
  }
  t.end()
})
