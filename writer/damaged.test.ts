// Records that the log cannot read: their partition stands still, the others go on, and only an operator leaves them out.

import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { until } from '../runtime/index.ts'
import { decisionsProperty, parseDecisions } from './decisions.ts'
import { haltsProperty, parseHalts } from './halts.ts'
import { openLine, pageView, type DrainOptions, type Line } from './started-line.ts'

const topics = ['ecommerce_events', 'orders_of_others']
type Tap = typeof t

const ids = async (line: Line): Promise<string[]> => (await line.query('SELECT event_id FROM events ORDER BY 1')).map(row => String(row.event_id))
/** Wherever it stands: pages that are no longer used may hold it as well. */
const flip = (dir: string, text: string): void => {
  const file = `${dir}/log/data.mdb`
  const bytes = readFileSync(file)
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at)) bytes[at]! ^= 0x10
  writeFileSync(file, bytes)
}

/** Each event is an append of its own: a stored batch that can be damaged alone. */
async function send (line: Line, names: readonly string[], topic = topics[0]!): Promise<void> {
  for (const name of names) await line.send([{ topic, value: pageView(name, { padding: 'x'.repeat(300) }) }])
}

async function saying (run: () => Promise<void>): Promise<string> {
  const write = process.stderr.write.bind(process.stderr)
  let said = ''
  process.stderr.write = ((chunk: string) => { said += chunk; return true }) as typeof process.stderr.write
  try {
    await run()
  } finally {
    process.stderr.write = write
  }
  return said
}

const onDamage = (name: string, damaged: readonly string[], run: (t: Tap, line: Line, drain: (options?: DrainOptions) => Promise<string>, dir: string) => Promise<void>): void => {
  void t.test(name, async t => {
    const dir = t.testdir({})
    let line = await openLine(dir, topics, 1)
    await send(line, ['event-0', 'event-1', 'event-2', 'event-3', 'event-4'])
    await line.close()
    for (const id of damaged) flip(dir, `"${id}"`)
    line = await openLine(dir, topics, 1)
    try {
      await run(t as unknown as Tap, line, async options => await saying(async () => { await line.drain(options) }), dir)
    } finally {
      await line.close()
    }
  })
}

onDamage('a damaged record halts its partition alone; `skip` leaves it out, and nothing else', ['event-2'], async (t, line, drain) => {
  await send(line, ['other-0'], topics[1])
  t.match(await drain(), /partition 0 of topic ecommerce_events halted: the log cannot read its records 2 to 2 .*--writer-resume-from skip/)
  t.same(await ids(line), ['event-0', 'event-1', 'other-0'], 'what lies before it is written, and other partitions are')
  t.match(await drain({ resumeFrom: 'earliest' }), /was not carried out: .*damaged records again/)
  t.match(await drain(), /halted/, 'a restart changes nothing')
  t.equal(await drain({ resumeFrom: 'skip' }), '')
  t.same(await ids(line), ['event-0', 'event-1', 'event-3', 'event-4', 'other-0'])
  const { properties } = (await line.table('events')).metadata
  t.match(parseDecisions(properties[decisionsProperty]).list, [{ choice: 'skip', partitions: [{ topic: topics[0], partition: 0, from: '2', to: '3' }] }])
  t.strictSame(parseHalts(properties[haltsProperty]), [])
  await send(line, ['event-5'])
  t.equal(await drain(), '', 'the decision stands')
  t.ok((await ids(line)).includes('event-5'))
})

onDamage('damage at the very end of the log can be left out as well', ['event-3', 'event-4'], async (t, line, drain) => {
  t.match(await drain(), /records 3 to 4/)
  t.equal(await drain({ resumeFrom: 'skip' }), '', 'and a drain ends')
  await send(line, ['event-5'])
  t.equal(await drain(), '')
  t.same(await ids(line), ['event-0', 'event-1', 'event-2', 'event-5'])
})

onDamage('two damaged places are two decisions', ['event-1', 'event-3'], async (t, line, drain) => {
  t.match(await drain(), /records 1 to 1/)
  t.match(await drain({ resumeFrom: 'skip' }), /records 3 to 3/)
  t.equal(await drain({ resumeFrom: 'skip' }), '')
  t.same(await ids(line), ['event-0', 'event-2', 'event-4'])
})

void t.test('the log is put back from a copy that holds the records: `recorded` goes on', async t => {
  const dir = t.testdir({})
  let line = await openLine(dir, topics, 1)
  const drain = async (options?: DrainOptions): Promise<string> => await saying(async () => { await line.drain(options) })
  await send(line, ['event-0', 'event-1', 'event-2', 'event-3'])
  const reopen = async (change: () => void): Promise<void> => {
    await line.close()
    change()
    line = await openLine(dir, topics, 1)
  }
  try {
    await reopen(() => {
      cpSync(`${dir}/log`, `${dir}/copy`, { recursive: true })
      flip(dir, '"event-2"')
    })
    t.match(await drain(), /records 2 to 2/)
    await reopen(() => { cpSync(`${dir}/copy`, `${dir}/log`, { recursive: true }) })
    t.match(await drain(), /halted/, 'only a decision clears it')
    t.equal(await drain({ resumeFrom: 'recorded' }), '')
    t.same(await ids(line), ['event-0', 'event-1', 'event-2', 'event-3'])
  } finally {
    await line.close()
  }
})

onDamage('a running writer hears of a decision that another process carried out', ['event-2'], async (t, line, drain) => {
  const stop = new AbortController()
  const said = saying(async () => {
    const running = line.drain({ untilEnd: false, signal: stop.signal, haltedLookMs: 5 })
    await until(async () => parseHalts((await line.table('events').catch(() => null))?.metadata.properties[haltsProperty]).length === 1)
    await drain({ resumeFrom: 'skip', topics: [topics[0]!] })
    await send(line, ['event-5'])
    await until(async () => (await ids(line)).includes('event-5'))
    stop.abort()
    await running
  })
  t.match(await said, /halted/)
  t.same(await ids(line), ['event-0', 'event-1', 'event-3', 'event-4', 'event-5'])
})
