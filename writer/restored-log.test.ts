// The log's folder is put back from an older copy, cut off or made anew, while the table is further: nothing that was
// acknowledged and is in the log is lost, nothing is doubled, and no halt goes away by itself.

import { cpSync, rmSync } from 'node:fs'
import t from 'tap'
import { adversaryBefore } from './adversary.ts'
import { decisionsProperty, parseDecisions } from './decisions.ts'
import { haltsProperty, parseHalts } from './halts.ts'
import { offsetsProperty, parseOffsets } from './offsets.ts'
import { openLine, pageView, receivedAt, type DrainOptions, type Line } from './started-line.ts'

const at = Date.now() / 1000
const topics = ['ecommerce_events']
type Tap = typeof t

class Ground {
  line!: Line
  readonly dir: string
  readonly partitions: number
  constructor (dir: string, partitions: number) {
    this.dir = dir
    this.partitions = partitions
  }

  async open (): Promise<void> { this.line = await openLine(this.dir, topics, this.partitions) }
  async send (ids: readonly string[], key = 'k'): Promise<void> {
    await this.line.send(ids.map(id => ({ key, value: id.startsWith('bad') ? id : pageView(id), headers: receivedAt(at) })))
  }

  async keepCopy (): Promise<void> {
    await this.line.close()
    cpSync(`${this.dir}/log`, `${this.dir}/copy`, { recursive: true })
    await this.open()
  }

  /** With `folder`: the log as it was then; without: a new one. */
  async putBack (folder: string | null = 'copy', keepAs: string | null = null): Promise<void> {
    await this.line.close()
    if (keepAs !== null) cpSync(`${this.dir}/log`, `${this.dir}/${keepAs}`, { recursive: true })
    rmSync(`${this.dir}/log`, { recursive: true })
    if (folder !== null) cpSync(`${this.dir}/${folder}`, `${this.dir}/log`, { recursive: true })
    await this.open()
  }

  /** What the writer said on the terminal. */
  async drain (options: DrainOptions = {}): Promise<string> {
    const write = process.stderr.write.bind(process.stderr)
    let said = ''
    process.stderr.write = ((chunk: string) => { said += chunk; return true }) as typeof process.stderr.write
    try {
      await this.line.drain(options)
    } catch (error) {
      if ((error as { code?: string }).code !== 'WRITER_HALTED') throw error
      said += (error as Error).message
    } finally {
      process.stderr.write = write
    }
    return said
  }

  async property (name: string): Promise<string | undefined> {
    return (await this.line.table('events')).metadata.properties[name]
  }

  async ids (): Promise<string[]> {
    return (await this.line.query('SELECT event_id FROM events ORDER BY 1')).map(row => String(row.event_id))
  }

  async assertRows (t: Tap, wanted: readonly string[], name = 'each event is one row'): Promise<void> {
    t.same(await this.ids(), wanted.toSorted(), name)
  }

  async lettersOf (reason: string): Promise<string[]> {
    return (await this.line.query(`SELECT coalesce(event_id, decode(payload)) AS letter FROM dead_letters WHERE reason ${reason} ORDER BY 1`)).map(row => String(row.letter))
  }
}

const onGround = (name: string, run: (t: Tap, ground: Ground) => Promise<void>, partitions = 1): void => {
  void t.test(name, async t => {
    const ground = new Ground(t.testdir({}), partitions)
    await ground.open()
    try {
      await run(t as unknown as Tap, ground)
    } finally {
      await ground.line.close()
    }
  })
}
const some = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${prefix}${i}`)

for (const [grown, count] of [['shorter than the table', 4], ['as long as the table', 10], ['longer than the table', 14]] as const) {
  onGround(`a restored log that has grown again, ${grown}: it halts, stays halted, and \`earliest\` takes all that is in it`, async (t, ground) => {
    await ground.send([...some('a', 9), 'bad-a'])
    await ground.line.drain()
    await ground.keepCopy()
    // Rows, duplicates and a letter at offsets that will hold other records.
    await ground.send([...some('b', 4), ...some('b', 4), 'bad-b', 'b4'])
    await ground.line.drain()
    await ground.putBack()
    await ground.send(some('new', count))
    t.match(await ground.drain(), /partition 0 of topic ecommerce_events halted: .*--writer-resume-from earliest/)
    t.equal(parseHalts(await ground.property(haltsProperty))[0]?.kind, 'log')
    await ground.send(some('later', 12))
    t.match(await ground.drain(), /halted/, 'a restart and a grown log do not clear it')
    await ground.assertRows(t, [...some('a', 9), ...some('b', 5)], 'nothing was written')
    t.match(await ground.drain({ resumeFrom: 'recorded' }), /`--writer-resume-from recorded` was not carried out: .*would be lost/)
    t.match(await ground.drain({ resumeFrom: 'data' }), /was not carried out/)
    t.equal(await ground.drain({ resumeFrom: 'earliest' }), '')
    const all = [...some('a', 9), ...some('b', 5), ...some('new', count), ...some('later', 12)]
    await ground.assertRows(t, all)
    t.same(await ground.lettersOf("<> 'duplicate'"), ['bad-a', 'bad-b'], 'what was listed before is not listed again')
    t.same(await ground.lettersOf("= 'duplicate'"), some('b', 4), 'a row that is read again is no duplicate')
    t.strictSame(parseHalts(await ground.property(haltsProperty)), [])
    t.match(parseDecisions(await ground.property(decisionsProperty)).list, [{ choice: 'earliest', partitions: [{ topic: 'ecommerce_events', partition: 0, from: '20', to: '0' }] }])
    await ground.send(some('after', 3))
    t.equal(await ground.drain(), '')
    await ground.assertRows(t, [...all, ...some('after', 3)])
    t.equal(parseOffsets((await ground.property(offsetsProperty))!)?.topics.get('ecommerce_events')?.partitions.get(0)?.rereadTo, undefined)
  })
}

onGround('the right log is put back: `recorded` goes on, nothing is read twice', async (t, ground) => {
  await ground.send(some('a', 5))
  await ground.line.drain()
  await ground.keepCopy()
  await ground.send(some('b', 5))
  await ground.line.drain()
  await ground.putBack('copy', 'right')
  t.match(await ground.drain(), /the log ends at 5/)
  await ground.putBack('right')
  t.match(await ground.drain(), /halted/, 'only a decision clears it')
  t.equal(await ground.drain({ resumeFrom: 'recorded' }), '')
  await ground.send(some('c', 5))
  t.equal(await ground.drain(), '')
  await ground.assertRows(t, [...some('a', 5), ...some('b', 5), ...some('c', 5)])
  t.same(await ground.lettersOf("= 'duplicate'"), [])
})

onGround('a new log under the same table: it halts, and `earliest` takes all of it', async (t, ground) => {
  await ground.send([...some('a', 5), 'bad-a', ...some('a', 3)])
  await ground.line.drain()
  await ground.putBack(null)
  await ground.send(some('new', 12))
  t.match(await ground.drain(), /offsets of one log mean nothing in another/)
  t.equal(parseHalts(await ground.property(haltsProperty))[0]?.topic, null)
  t.match(await ground.drain({ resumeFrom: 'recorded' }), /not carried out/)
  t.equal(await ground.drain({ resumeFrom: 'earliest' }), '')
  await ground.assertRows(t, [...some('a', 5), ...some('new', 12)])
  const [decision] = parseDecisions(await ground.property(decisionsProperty)).list
  t.not(decision?.before?.cluster, decision?.log.cluster)
})

onGround('restored twice: letters of each lost life are believed in no other', async (t, ground) => {
  await ground.send(some('a', 4))
  await ground.line.drain()
  await ground.keepCopy()
  const kept = some('a', 4)
  for (const life of ['x', 'y']) {
    await ground.send([...some(life, 2), ...some(life, 2), `bad-${life}`])
    await ground.drain()
    await ground.putBack()
    await ground.send(some(`${life}-new`, 5))
    t.match(await ground.drain(), /halted/)
    t.equal(await ground.drain({ resumeFrom: 'earliest' }), '')
    kept.push(...some(life, 2), ...some(`${life}-new`, 5))
    await ground.assertRows(t, kept, `life ${life}`)
    await ground.putBack()
    if (life === 'x') {
      t.match(await ground.drain(), /halted/, 'behind again')
      t.equal(await ground.drain({ resumeFrom: 'earliest' }), '')
    }
  }
})

onGround('one partition of another log stands still, the others go on, and a decision can be for it alone', async (t, ground) => {
  const keys = some('key', 30)
  for (const key of keys) await ground.send([`a-${key}`], key)
  await ground.line.drain()
  // As if a partition's records had been other ones: its evidence is of another log.
  const { metadata, id } = await ground.line.table('events')
  const offsets = JSON.parse(metadata.properties[offsetsProperty]!) as { log: { topics: Record<string, { p: Record<string, { fp: string }> }> } }
  for (const partition of ['0', '1']) offsets.log.topics['ecommerce_events']!.p[partition]!.fp = 'crc:00000001'
  await ground.line.catalog.commitTable(id, { requirements: [], updates: [{ 'action': 'set-properties', 'updates': { [offsetsProperty]: JSON.stringify(offsets) } }] })
  for (const key of keys) await ground.send([`b-${key}`], key)
  t.match(await ground.drain(), /partition 0 of .*\n.*partition 1 of/)
  const halfway = await ground.ids()
  t.ok(halfway.length > 30 && halfway.length < 60, 'the third partition went on')
  await ground.drain({ resumeFrom: { choice: 'earliest', only: new Set(['1/ecommerce_events']) } })
  t.same(parseHalts(await ground.property(haltsProperty)).map(halt => halt.partition), [0])
  t.equal(await ground.drain({ resumeFrom: 'earliest' }), '')
  await ground.assertRows(t, keys.flatMap(key => [`a-${key}`, `b-${key}`]))
}, 3)

onGround('a writer of another log brought the partition to where this batch starts: nothing lands, and the partition halts', async (t, ground) => {
  await ground.send(some('a', 5))
  await ground.line.drain()
  await ground.send(some('b', 5))
  const { catalog } = ground.line
  const rival = adversaryBefore(catalog)
  let isFirst = true
  // The catalog's answer to a conflict is the base that is judged: the same offset, other evidence.
  rival.before = async ({ name }) => {
    if (name !== 'events' || !isFirst) return
    isFirst = false
    const { metadata, id } = await ground.line.table('events')
    const text = metadata.properties[offsetsProperty]!.replace(/"fp":"[^"]*"/, '"fp":"crc:00000001"')
    const main = metadata.refs['main']!['snapshot-id']
    const snapshot = { ...metadata.snapshots.find(each => each['snapshot-id'] === main)!, 'snapshot-id': 77n, 'parent-snapshot-id': main, 'sequence-number': metadata['last-sequence-number'] + 1n }
    await catalog.commitTable(id, { requirements: [], updates: [
      { 'action': 'add-snapshot', snapshot },
      { 'action': 'set-snapshot-ref', 'ref-name': 'main', 'type': 'branch', 'snapshot-id': 77n },
      { 'action': 'set-properties', 'updates': { [offsetsProperty]: text } }
    ] })
  }
  t.match(await ground.drain({ catalog: rival }), /partition 0 .* halted: .*other records before it/)
  await ground.assertRows(t, some('a', 5))
  t.equal(await ground.drain({ resumeFrom: 'earliest' }), '')
  await ground.assertRows(t, [...some('a', 5), ...some('b', 5)])
})
