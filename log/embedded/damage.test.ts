// Files that are not what was written: each gets a sentence that names what is wrong, and nothing is skipped silently.

import t from 'tap'
import { spawn } from 'node:child_process'
import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { until } from '../../runtime/index.ts'
import { nextBatch, record, valueOf } from '../behaviour.ts'
import { openLog } from '../index.ts'
import { checkDataFile } from './data-file.ts'

const topic = 'events'

t.test('a flipped byte in a stored batch: what lies before it is read, then its place is named, and the reader stays there', async t => {
  const folder = await filled(t.testdir())
  const file = join(folder, 'data.mdb')
  const at = readFileSync(file).indexOf('event number 7 ')
  flip(file, at)
  const log = await openLog(pathToFileURL(folder).href)
  t.teardown(async () => { await log.close() })
  const reader = await log.open({ topics: [topic], startAt: () => 'earliest' })
  await reader.poll(1000, 1e6)
  t.equal(valueOf(await nextBatch(reader), 6).split(' x')[0], 'event number 6')
  t.strictSame(await reader.poll(1000, 1e6), { kind: 'damaged', topic, partition: 2, from: 7n, to: 8n, reason: 'a batch does not match its checksum' })
  const ignored = { code: 'LOG_DAMAGED', message: /partition 2, offset 7: a batch does not match its checksum.*restore the folder/ }
  await t.rejects(reader.poll(1000, 1e6), ignored, 'a caller that did not listen hears it as an error')
  reader.pause(topic, 2)
  t.equal(await reader.poll(50, 1e6), null, 'a paused partition is silent')
  reader.resume(topic, 2)
  reader.seek(topic, 2, 8n)
  const behind = await nextBatch(reader)
  t.equal(valueOf(behind, 0).split(' x')[0], 'event number 8', 'the caller that decides to skip can')
  t.equal(await log.compareFingerprint(topic, 2, behind.nextOffset, behind.fingerprint), 'same', 'and has a fingerprint behind it')
})

t.test('damage to one partition leaves the others readable, and what lies in between two damaged batches is found', async t => {
  const folder = await filled(t.testdir(), 'other')
  const file = join(folder, 'data.mdb')
  for (const number of [2, 3, 5]) flip(file, readFileSync(file).indexOf(`event number ${number} `))
  const log = await openLog(pathToFileURL(folder).href)
  t.teardown(async () => { await log.close() })
  const reader = await log.open({ topics: [topic], startAt: () => 'earliest' })
  const found: string[] = []
  let others = 0
  for (let event = await reader.poll(500, 1e6); event !== null; event = await reader.poll(500, 1e6)) {
    if (event.kind === 'batch' && event.batch.partition === 2) found.push(`${event.batch.firstOffset}..${event.batch.nextOffset}`)
    else if (event.kind === 'batch') others += event.batch.count
    if (event.kind !== 'damaged') continue
    found.push(`damaged ${event.from}..${event.to}`)
    reader.seek(event.topic, event.partition, event.to)
  }
  t.strictSame(found, ['0..2', 'damaged 2..4', '4..5', 'damaged 5..6', '6..10'])
  t.equal(others, 10)
})

t.test('a damaged batch that the caller has passed leaves with the retention and does not fill the log', async t => {
  const folder = await filled(t.testdir())
  const file = join(folder, 'data.mdb')
  flip(file, readFileSync(file).indexOf('event number 0 '))
  const log = await openLog(pathToFileURL(folder).href, { retentionMs: 0, retentionEveryMs: 10 })
  t.teardown(async () => { await log.close() })
  await log.append([record(topic, 'k', 'starts the clock of retention')])
  await log.acknowledge(topic, new Map([[2, 5n]]))
  await until(async () => (await log.ranges(topic)).first.get(2) === 5n)
})

t.test('a file that was cut off is refused at open, however much is missing', async t => {
  const folder = await filled(t.testdir())
  const { size } = statSync(join(folder, 'data.mdb'))
  for (const left of [size - 4096, size - 1, size >> 1, 4096, 100]) {
    const copy = `${folder}-${left}`
    mkdirSync(copy, { recursive: true })
    t.teardown(() => { rmSync(copy, { recursive: true }) })
    copyFileSync(join(folder, 'data.mdb'), join(copy, 'data.mdb'))
    truncateSync(join(copy, 'data.mdb'), left)
    await t.rejects(openLog(pathToFileURL(copy).href), { code: 'LOG_DAMAGED', message: /data\.mdb: it .*cut off/ }, `${left} of ${size} bytes`)
  }
})

t.test('free pages that LMDB left unwritten at the end are not damage', async t => {
  const folder = await filled(t.testdir())
  const file = join(folder, 'data.mdb')
  const descriptor = openSync(file, 'r+')
  for (const meta of [0, 4096]) {
    const lastPage = Buffer.alloc(8)
    lastPage.writeBigUInt64LE(BigInt(statSync(file).size / 4096 + 3))
    writeSync(descriptor, lastPage, 0, 8, meta + 144)
  }
  closeSync(descriptor)
  checkDataFile(folder, file)
  t.pass('the walk over the tree found every page in the file')
})

t.test('a file that was cut off while it was open ends in a sentence, not in SIGBUS', async t => {
  const folder = await filled(t.testdir())
  const script = `const { openLog } = await import(${JSON.stringify(new URL('../index.ts', import.meta.url).href)})
const { truncateSync } = await import('node:fs')
const log = await openLog(${JSON.stringify(pathToFileURL(folder).href)})
truncateSync(${JSON.stringify(join(folder, 'data.mdb'))}, 12288)
const reader = await log.open({ topics: ['events'], startAt: () => 'earliest' })
for (const act of [() => reader.poll(10, 1e6), () => log.append([{ topic: 'events', key: 'k', value: Buffer.from('v'), headers: {}, timestampMs: 0 }]), () => log.checkReady()]) {
  try { await act(); console.log('fine?') } catch (error) { console.log(error.code) }
}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', chunk => { text += String(chunk) })
  const ending = await new Promise(resolve => child.on('close', (code, signal) => { resolve(signal ?? code) }))
  t.equal(ending, 0)
  t.equal(text, 'LOG_DAMAGED\nLOG_DAMAGED\nLOG_DAMAGED\n')
})

t.test('a file that is something else is refused', async t => {
  const folder = t.testdir({ 'data.mdb': 'this is not a log, but it is long enough to be taken for one '.repeat(100) })
  await t.rejects(openLog(pathToFileURL(folder).href), { code: 'LOG_DAMAGED', message: /not those of a log/ })
})

t.test('a log whose folder was replaced while it was open takes nothing more: it would vanish', async t => {
  const folder = await filled(t.testdir())
  const log = await openLog(pathToFileURL(folder).href)
  t.teardown(async () => { await log.close() })
  const before = await log.identity([topic])
  rmSync(join(folder, 'data.mdb'))
  await t.rejects(log.append([record(topic, 'k', 'v')]), { code: 'LOG_RECREATED' })
  writeFileSync(join(folder, 'data.mdb'), '')
  await t.rejects(log.append([record(topic, 'k', 'v')]), { code: 'LOG_RECREATED' })
  t.ok(before.clusterId)
})

t.test('a log that was made anew is another log', async t => {
  const folder = t.testdir()
  const identities: unknown[] = []
  for (const name of ['one', 'two']) {
    const log = await openLog(pathToFileURL(join(folder, name)).href)
    await log.ensureTopic(topic)
    const { clusterId, topicIds } = await log.identity([topic])
    identities.push(clusterId, topicIds.get(topic))
    await log.close()
  }
  t.equal(new Set(identities).size, 4)
})

/** A log with ten appends of one record each on partition 2, the first of ten records... each value long enough to have pages of its own. */
async function filled (folder: string, ...more: string[]): Promise<string> {
  const log = await openLog(pathToFileURL(folder).href)
  await log.ensureTopic(topic)
  for (let i = 0; i < 10; i++) await log.append(['k', ...more].map(key => record(topic, key, `${key === 'k' ? 'event' : key} number ${i} ${'x'.repeat(6000)}`)))
  await log.close()
  return folder
}

function flip (file: string, at: number): void {
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, Buffer.from([readFileSync(file)[at]! ^ 1]), 0, 1, at)
  closeSync(descriptor)
}
