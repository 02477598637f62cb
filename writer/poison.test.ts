// A record on which the engine fails stops nothing: it becomes a dead letter with the engine's words and its bytes, and
// all others land, whatever the engine was doing when it failed.

import t from 'tap'
import { failingOn, type Fault, type FaultyEngine, type Stage } from './faulty-engine.ts'
import { openLine, pageView, receivedAt, type DrainOptions, type Line, type Sent } from './started-line.ts'

type Tap = typeof t

const isolated = (name: string, run: (t: Tap, line: Line) => Promise<void>, topics?: string[]): void => {
  void t.test(name, async t => {
    const line = await openLine(t.testdir({}), topics)
    try {
      await run(t as unknown as Tap, line)
    } finally {
      await line.close()
    }
  })
}

const poisoned = (stage: Stage, message = 'Conversion Error: planted', fails = (text: string) => text.includes('poison')): Fault => ({ stage, message, fails })
const drain = async (line: Line, fault: Fault, options: DrainOptions = {}): Promise<FaultyEngine['passes']> => {
  const passes = { parses: 0, lines: 0 }
  await line.drain({ ...options, faults: engine => failingOn(engine, fault, passes) })
  return passes
}
const events = (count: number, poison: readonly number[] = []): Sent[] => Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: pageView(poison.includes(i) ? `poison${i}` : `e${i}`) }))
const letters = async (line: Line): Promise<Record<string, unknown>[]> => await line.query("SELECT reason, error, decode(payload) AS payload, event_id FROM dead_letters WHERE reason <> 'duplicate' ORDER BY event_id")
const places = async (line: Line): Promise<unknown> => (await line.query('SELECT count(*)::INT AS n, count(DISTINCT (log_partition, log_offset))::INT AS places FROM (SELECT log_partition, log_offset FROM events UNION ALL SELECT log_partition, log_offset FROM dead_letters)'))[0]
const rows = async (line: Line): Promise<unknown> => (await line.query('SELECT count(*)::INT AS n FROM events'))[0]!.n

for (const stage of ['parse', 'group', 'ids', 'copy'] as const) {
  isolated(`the engine fails on some records in ${stage}: they are dead letters, all others rows`, async (t, line) => {
    const sent = events(24, [0, 13])
    await line.send(sent)
    const { parses, lines } = await drain(line, poisoned(stage))
    t.equal(await rows(line), 22)
    t.same(await letters(line), [0, 13].map(i => ({ reason: 'WRITER_ENGINE_REFUSED', error: 'Conversion Error: planted', payload: sent[i]!.value, event_id: `poison${i}` })))
    t.same(await places(line), { n: 24, places: 24 })
    t.ok(parses < 2 * 2 * Math.log2(32) + 4, `${parses} passes`)
    t.ok(lines < 24 * 10, `${lines} lines read`)
  })
}

isolated('one poison in a large batch costs twice the logarithm', async (t, line) => {
  await line.send(events(500, [123]))
  const { parses, lines } = await drain(line, poisoned('copy'))
  t.equal(await rows(line), 499)
  t.ok(parses <= 2 * Math.log2(512) + 4, `${parses} passes`)
  t.ok(lines < 500 * 6, `${lines} lines read`)
})

isolated('a record that only fails when its type is unlisted, or as a duplicate', async (t, line) => {
  await line.send(events(20))
  await line.drain()
  await line.send([...events(20), ...['poison1', 'a', 'b'].map(id => ({ value: pageView(id, { event_type: `own_${id}` }) }))])
  await drain(line, poisoned('update'), { typesMax: 19 })
  t.equal(await rows(line), 22)
  t.match(await letters(line), [{ reason: 'WRITER_ENGINE_REFUSED', event_id: 'poison1' }])
  t.same(await places(line), { n: 43, places: 43 })
  t.same(await line.query("SELECT count(*)::INT AS n FROM dead_letters WHERE reason = 'duplicate'"), [{ n: 20 }])
})

isolated('the letter has the record as it was sent: mapped, split, with newlines', async (t, line) => {
  const values = [
    '{"order_id":"poison-mapped","status":"NEW",\n "timestamp":"TIME"}',
    '{ "event_id":"poison-extra", "event_type":"page_view", "timestamp":"TIME", "own" : [1.50, 2] }',
    '{"event_id":"poison-lines",\r\n"event_type":"page_view","timestamp":"TIME"}'
  ].map(value => value.replace('TIME', new Date().toISOString()))
  const direct = {}
  await line.send([
    { topic: 'orders', value: values[0]!, headers: direct },
    { topic: 'ecommerce_events', value: values[1]!, headers: receivedAt(Date.now() / 1000, { extra: '1' }) },
    { topic: 'ecommerce_events', value: values[2]!, headers: direct },
    { topic: 'ecommerce_events', value: pageView('good') }
  ])
  await drain(line, poisoned('copy', 'INTERNAL Error: planted', text => /poison|^[0-9a-f-]{30,}$/m.test(text)))
  t.equal(await rows(line), 1)
  t.same((await letters(line)).map(({ payload }) => payload).sort(), values.sort())
}, ['ecommerce_events', 'orders'])

isolated('a record that ends the engine itself is a dead letter, and the engine is opened anew', async (t, line) => {
  await line.send(events(24, [7]))
  await drain(line, { ...poisoned('copy', 'INTERNAL Error: planted'), isFatal: true })
  t.equal(await rows(line), 23)
  t.match(await letters(line), [{ reason: 'WRITER_ENGINE_REFUSED', event_id: 'poison7' }])
  await line.send(events(24).map(({ key }, i) => ({ key: key!, value: pageView(`later${i}`) })))
  await drain(line, { ...poisoned('parse', 'INTERNAL Error: planted'), isFatal: true })
  t.equal(await rows(line), 47)
})

isolated('nothing but poison', async (t, line) => {
  await line.send(events(3, [0, 1, 2]))
  await drain(line, poisoned('ids'))
  t.equal((await letters(line)).length, 3)
  await line.send(events(3))
  await line.drain()
  t.equal(await rows(line), 3, 'and the line goes on')
})
