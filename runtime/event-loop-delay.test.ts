// A process that stood still is seen to have stood still, by everybody who asks; what runs where is told in the same words.

import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { EventLoopDelay } from './event-loop-delay.ts'
import { createMetrics } from './metrics.ts'
import { parseMetrics } from './metrics-text.ts'
import { until } from './until.ts'

t.test('an event loop that was held is told to all who ask, and forgotten after two minutes', async t => {
  const delay = new EventLoopDelay()
  await sleep(200)
  const until = performance.now() + 400
  while (performance.now() < until);
  await sleep(200)
  const now = performance.now()
  for (const who of ['the first', 'the second']) t.ok(delay.read(now).get(1)! > 0.25, who)
  t.ok(delay.read(now + 61_000).get(1)! > 0.25, 'in the next window as well')
  delay.read(now + 122_000)
  t.ok(delay.read(now + 183_000).get(1)! < 0.25, 'and then no longer')
})

t.test('what stood unread for an hour is not told as of now', async t => {
  const delay = new EventLoopDelay()
  const until = performance.now() + 400
  await sleep(100)
  while (performance.now() < until);
  await sleep(200)
  t.ok(delay.read(performance.now() + 3_600_000).get(1)! < 0.25)
})

t.test('each process says which version it is and how late its event loop comes', async t => {
  const metrics = createMetrics('gateway')
  await until(async () => parseMetrics(await metrics.text()).has('firn_gateway_event_loop_delay_seconds{quantile="0.99"}'))
  const samples = [...parseMetrics(await metrics.text())]
  t.match(samples.find(([name]) => name.startsWith('firn_build_info{')), [/version="\d+\.\d+\.\d+",node="24\.[\d.]+",service="gateway"/, 1])
})
