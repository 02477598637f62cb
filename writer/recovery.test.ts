// Lost replies, deaths at any commit, rivals and rollbacks: each event is one row all the same.

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { mainSnapshotId, scanFiles } from '../catalog/index.ts'
import { adversaryBefore, died, withFaults } from './adversary.ts'
import { openLine, pageView, type Line } from './started-line.ts'
import { offsetsProperty } from './offsets.ts'
import { eventsId } from './tables.ts'

const many = (from: number, to: number): { value: string, key: string }[] => Array.from({ length: to - from }, (_, i) => ({ value: pageView(`e${from + i}`), key: `k${i}` }))
const count = async (line: Line, where = 'true', table = 'events'): Promise<number> => Number((await line.query(`SELECT count(*) AS n FROM ${table} WHERE ${where}`))[0]!.n)
const assertOnce = async (t: Tap, line: Line, ids: number): Promise<void> => {
  t.same(await line.query('SELECT count(*)::INT AS rows, count(DISTINCT event_id)::INT AS ids, count(DISTINCT (log_topic, log_partition, log_offset))::INT AS places FROM events'), [{ rows: ids, ids, places: ids }])
}
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

isolated('a commit whose reply or request was lost is committed once', async (t, line) => {
  for (const [i, fault] of (['lose-reply', 'lose-request'] as const).entries()) {
    await line.send(many(i * 10, i * 10 + 10))
    await line.drain({ catalog: withFaults(line.catalog, { events: [fault] }) })
    await assertOnce(t, line, i * 10 + 10)
  }
})

isolated('a writer that dies at any commit loses nothing and doubles nothing', async (t, line) => {
  let sent = 0
  for (const table of ['dead_letters', 'events']) {
    for (const fault of ['die-before', 'die-after'] as const) {
      await line.send([...many(sent, sent + 10), { value: `bad ${sent}` }, { value: pageView(`e${sent}`), key: 'z' }])
      sent += 10
      await t.rejects(line.drain({ catalog: withFaults(line.catalog, { [table]: [fault] }) }), { message: died })
      await line.drain()
      await assertOnce(t, line, sent)
      t.same(await line.query('SELECT count(*)::INT AS letters, count(DISTINCT (log_partition, log_offset))::INT AS places FROM dead_letters'), [{ letters: sent / 5, places: sent / 5 }], `${fault} of ${table}`)
      t.equal(await count(line, "payload IS NOT NULL AND starts_with(decode(payload), 'bad')", 'dead_letters'), sent / 10)
    }
  }
})

isolated('after a death between the two commits, what is listed stays listed and all else is a row', async (t, line) => {
  await line.send([{ value: pageView('a'), key: 'p' }, { value: pageView('a'), key: 'q' }, { value: pageView('b'), key: 'p' }])
  await t.rejects(line.drain({ catalog: withFaults(line.catalog, { events: ['die-before'] }) }), { message: died })
  const listed = await line.query('SELECT log_partition, log_offset FROM dead_letters')
  t.equal(listed.length, 1)
  await line.drain()
  await assertOnce(t, line, 2)
  t.same(await line.query('SELECT log_partition, log_offset FROM dead_letters'), listed)
})

isolated('a table whose file cannot be read whole stops the writer: no id is admitted unchecked', async (t, line) => {
  await line.send(many(0, 20))
  await line.drain()
  const [file] = (await scanFiles(line.storage, await line.table('events'))).files
  const path = line.storage.toEnginePath(file!.location)
  const whole = readFileSync(path)
  await line.send(many(0, 20))
  for (const broken of [null, Buffer.concat([whole.subarray(0, 4), Buffer.alloc(whole.length - 4 - 600), whole.subarray(-600)])]) {
    if (broken === null) rmSync(path)
    else writeFileSync(path, broken)
    await t.rejects(line.drain({ untilEnd: true }), broken === null ? 'it is gone' : 'it is damaged')
  }
  writeFileSync(path, whole)
  await line.drain()
  await assertOnce(t, line, 20)
})

isolated('two writers, the same ids under different sessions, conflicts forced: each id once', async (t, line) => {
  for (let round = 0; round < 4; round++) {
    const ids = Array.from({ length: 60 }, (_, i) => `r${round}-${i}`)
    await line.send(ids.flatMap(id => ['left', 'right'].map(topic => ({ topic, key: `${topic}-${id}`, value: pageView(id, { session_id: topic }) }))))
    let rivals = 0
    const catalog = adversaryBefore(line.catalog)
    // The other writer commits whenever this one is about to.
    catalog.before = async ({ name }) => {
      if (name === 'events' && rivals++ === 0) await line.drain({ topics: ['right'] })
    }
    await line.drain({ topics: ['left'], catalog })
    t.ok(rivals > 1, 'there was a conflict')
    await assertOnce(t, line, (round + 1) * 60)
    t.equal(await count(line, "reason = 'duplicate'", 'dead_letters'), (round + 1) * 60)
  }
}, ['left', 'right'])

isolated('two writers on the same partitions: one wins, the other discards and reads on', async (t, line) => {
  await line.send(many(0, 300))
  await Promise.all([line.drain({ rowsMax: 50 }), line.drain({ rowsMax: 50 })])
  await assertOnce(t, line, 300)
})

isolated('a rolled back table halts the writer until the operator decides', async (t, line) => {
  const roll = async (): Promise<void> => {
    const { metadata } = await line.table('events')
    const main = metadata.snapshots.find(snapshot => snapshot['snapshot-id'] === mainSnapshotId(metadata))!
    await line.catalog.commitTable(eventsId, { requirements: [], updates: [{ 'action': 'set-snapshot-ref', 'ref-name': 'main', 'type': 'branch', 'snapshot-id': main['parent-snapshot-id']! }] })
  }
  await line.send(many(0, 10))
  await line.drain()
  await line.send(many(10, 20))
  await line.drain()
  await roll()
  await t.rejects(line.drain(), { code: 'WRITER_HALTED', message: /rolled back/ })
  t.equal(await count(line), 10, 'nothing is written while it stands still')
  await line.drain({ resumeFrom: 'data' })
  await assertOnce(t, line, 20)
  await line.send(many(20, 30))
  await line.drain()
  await roll()
  await line.drain({ resumeFrom: 'recorded' })
  t.equal(await count(line), 20, 'what was rolled back stays away')
  await line.drain({ resumeFrom: 'earliest' })
  t.equal(await count(line), 20, 'nothing is halted, so there is nothing to decide')
  await roll()
  await roll()
  await line.drain({ resumeFrom: 'earliest' })
  await assertOnce(t, line, 30)
})

isolated('a partition whose offsets the log lost halts alone, until the operator decides', async (t, line) => {
  await line.send(many(0, 30))
  await line.drain()
  const { metadata } = await line.table('events')
  const text = metadata.properties[offsetsProperty]!
  const broken = text.replace(/"next":"\d+"/, '"next":"999"')
  await line.catalog.commitTable(eventsId, { requirements: [], updates: [{ 'action': 'set-properties', 'updates': { [offsetsProperty]: broken } }] })
  await line.send(many(30, 60))
  const said: string[] = []
  const write = process.stderr.write.bind(process.stderr)
  process.stderr.write = ((chunk: string) => { said.push(chunk); return true }) as typeof process.stderr.write
  try {
    await line.drain()
  } finally {
    process.stderr.write = write
  }
  t.equal(said.length, 1, 'one sentence')
  t.match(said[0], /partition \d of topic ecommerce_events halted: the table was written up to offset 999, but the log ends at \d+/)
  t.match(said[0], /--writer-resume-from earliest/)
  t.ok(await count(line) < 60, 'the other partitions went on')
  await line.drain({ resumeFrom: 'earliest' })
  await assertOnce(t, line, 60)
})
