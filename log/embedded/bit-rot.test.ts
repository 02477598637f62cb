// Bits that flip while the log is closed, in each kind of page: the same records or one sentence, and never other records,
// fewer of them, or an offset given twice.

import t from 'tap'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { record } from '../behaviour.ts'
import { openLog, type Log } from '../index.ts'
import { checkDataFile } from './data-file.ts'
import { dataFile } from './store.ts'

const topic = 'events'
const pageBytes = 4096
const flipsOfKind = 16

const kinds = ['meta', 'branch', 'leaf', 'value', 'free list'] as const
type Kind = typeof kinds[number]

/** Random numbers that are the same in each run. */
function seeded (seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor(state / 2 ** 32 * below)
  }
}

const folder = t.testdir()
const base = join(folder, 'base')
const records = await fill(base)
const bytes = readFileSync(join(base, dataFile))

for (const kind of kinds) {
  t.test(`flipped bits in ${kind} pages`, async t => {
    const pages = pagesOf(bytes, kind)
    t.ok(pages.length > 0, `${pages.length} pages`)
    const below = seeded(kind.length)
    let noticed = 0
    for (let i = 0; i < flipsOfKind; i++) {
      const page = pages[below(pages.length)]!
      const meant = meantBytes(bytes.subarray(page * pageBytes, (page + 1) * pageBytes), kind)
      const at = page * pageBytes + meant[below(meant.length)]!
      const bit = below(8)
      const damaged = Buffer.from(bytes)
      damaged[at]! ^= 1 << bit
      const verdict = await judge(join(folder, `${kind.replace(' ', '-')}-${i}`), damaged)
      if (verdict !== 'same' && verdict !== 'LOG_DAMAGED') t.fail(`bit ${bit} of byte ${at % pageBytes} of page ${Math.floor(at / pageBytes)}: ${verdict}`)
      if (verdict === 'LOG_DAMAGED') noticed++
    }
    t.ok(noticed > 0, `${noticed} of ${flipsOfKind} were noticed`)
  })
}

t.test('pages that are not what was written: zeroed, swapped, one of long ago', async t => {
  const below = seeded(7)
  const count = bytes.length / pageBytes
  for (let i = 0; i < flipsOfKind; i++) {
    const [a, b] = [below(count), 2 + below(count - 2)]
    const damaged = Buffer.from(bytes)
    const page = (from: Buffer, at: number): Buffer => Buffer.from(from.subarray(at * pageBytes, (at + 1) * pageBytes))
    if (i % 2 === 0) damaged.fill(0, a * pageBytes, (a + 1) * pageBytes)
    else {
      damaged.set(page(bytes, b), Math.max(2, a) * pageBytes)
      damaged.set(page(bytes, Math.max(2, a)), b * pageBytes)
    }
    const verdict = await judge(join(folder, `page-${i}`), damaged)
    if (verdict !== 'same' && verdict !== 'LOG_DAMAGED') t.fail(`pages ${a} and ${b}: ${verdict}`)
  }
})

t.test('a meta page that names another state than the newest is noticed, whichever way it fell back', async t => {
  const newest = bytes.readBigUInt64LE(152) > bytes.readBigUInt64LE(pageBytes + 152) ? 0 : pageBytes
  const older = newest === 0 ? pageBytes : 0
  const transaction = bytes.readBigUInt64LE(newest + 152)
  const changed = async (name: string, change: (damaged: Buffer) => void): Promise<void> => {
    const damaged = Buffer.from(bytes)
    change(damaged)
    t.equal(await judge(join(folder, name), damaged), 'LOG_DAMAGED', name)
  }
  // Two back looks like a commit that was cut off before its meta page; that is noticed by what is noted beside the log.
  for (const other of [transaction - 1n, transaction + 1n, 0n]) await changed(`transaction ${other}`, damaged => { damaged.writeBigUInt64LE(other, newest + 152) })
  await changed('the root of the state before', damaged => { bytes.copy(damaged, newest + 136, older + 136, older + 144) })
  await changed('all of the tree before', damaged => { bytes.copy(damaged, newest + 96, older + 96, older + 144) })
  await changed('the free pages of the state before', damaged => { bytes.copy(damaged, newest + 48, older + 48, older + 96) })
})

t.test('the last write of a meta page that the disk lost is noticed by what is noted beside the log; a copy is judged by its table', async t => {
  const path = join(folder, 'lost-write')
  const file = join(path, dataFile)
  const url = pathToFileURL(path).href
  let log = await openLog(url)
  await log.ensureTopic(topic)
  await log.append([record(topic, 'k', 'one')])
  await log.close()
  const before = readFileSync(file)
  log = await openLog(url)
  await log.append([record(topic, 'k', 'two')])
  await log.close()
  const after = readFileSync(file)
  const slot = [0, pageBytes].find(at => !before.subarray(at, at + 200).equals(after.subarray(at, at + 200)))!
  const lost = Buffer.from(after)
  before.copy(lost, slot, slot, slot + pageBytes)
  writeFileSync(file, lost)
  checkDataFile(path, file)
  await t.rejects(openLog(url), { code: 'LOG_DAMAGED', message: /the last write of its meta page is lost.*remove .*newest/ })
  cpSync(path, `${path}-copy`, { recursive: true })
  await (await openLog(pathToFileURL(`${path}-copy`).href)).close()
  rmSync(join(path, 'newest'))
  log = await openLog(url)
  t.equal((await readRecords(log)).length, 1, 'as the sentence says')
  await log.close()
  writeFileSync(file, before)
  await (await openLog(url)).close()
  t.pass('a file that was written over with an older one is another state, not a lost write')
})

t.test('a log that is written to by others meanwhile is not called damaged', async t => {
  const path = join(folder, 'busy')
  const log = await openLog(pathToFileURL(path).href, { bytesMax: 2 * 1024 ** 2 })
  await log.ensureTopic(topic)
  let looks = 0
  for (let i = 0; i < 300; i++) {
    const appending = log.append(Array.from({ length: 1 + i % 9 }, (_, j) => record(topic, `k${j}`, 'x'.repeat(i * 97 % 9000))))
    checkDataFile(path, join(path, dataFile))
    looks++
    await appending
    if (i % 20 === 19) await log.acknowledge(topic, (await log.ranges(topic)).end)
  }
  await log.close()
  checkDataFile(path, join(path, dataFile))
  t.equal(looks, 300)
})

/** A log whose tree has branches, whose free pages are many, with small values beside others and large ones on pages of their own. */
async function fill (path: string): Promise<string[]> {
  const log = await openLog(pathToFileURL(path).href, { bytesMax: 1024 ** 2 })
  await log.ensureTopic(topic)
  for (let i = 0; i < 60; i++) await log.append(Array.from({ length: 1 + i % 7 }, (_, j) => record(topic, `k${j}`, `event ${i}/${j} `.padEnd(100 + i * 137 % 3000, 'x'))))
  const { end } = await log.ranges(topic)
  await log.acknowledge(topic, new Map([...end].map(([partition, offset]) => [partition, offset / 2n])))
  for (let i = 60; i < 110; i++) await log.append(Array.from({ length: 1 + i % 3 }, (_, j) => record(topic, `k${j}`, `event ${i}/${j} `.padEnd(i * 61 % 900, 'x'))))
  const read = await readRecords(log)
  await log.close()
  return read
}

async function readRecords (log: Log): Promise<string[]> {
  const reader = await log.open({ topics: [topic], startAt: () => 'earliest', ends: true })
  const found: string[] = []
  for (let ended = 0; ended < 3;) {
    const event = await reader.poll(100, 1e6)
    if (event === null) throw new Error('no end came')
    if (event.kind === 'end') ended++
    if (event.kind !== 'batch') continue
    const { batch } = event
    for (let i = 0; i < batch.count; i++) found.push(`${batch.partition}/${batch.firstOffset + BigInt(i)} ${batch.key(i)} ${batch.timestampMs[i]} ${JSON.stringify(batch.headers[batch.headersIndex[i]!])} ${batch.bytes.toString('utf8', batch.valueStart[i], batch.valueEnd[i])}`)
  }
  await reader.close()
  return found.sort()
}

/** same: all records, before and after an append at an offset that was free. Otherwise the code of what was said, or what went wrong. */
async function judge (path: string, damaged: Buffer): Promise<string> {
  mkdirSync(path)
  cpSync(base, path, { recursive: true })
  writeFileSync(join(path, dataFile), damaged)
  let log: Log | null = null
  try {
    log = await openLog(pathToFileURL(path).href, { appendMsMax: 3000 })
    await log.ensureTopic(topic)
    const first = await readRecords(log)
    if (first.join('\n') !== records.join('\n')) return `${first.length} records of ${records.length}, or others`
    const [position] = await log.append([record(topic, 'k1', 'new')])
    const second = await readRecords(log)
    const added = second.filter(each => !first.includes(each))
    return second.length === first.length + 1 && added[0]!.startsWith(`${position!.partition}/${position!.offset} k1`) ? 'same' : 'an append changed what was there'
  } catch (error) {
    return (error as { code?: string }).code ?? (error as Error).message
  } finally {
    await log?.close().catch(() => undefined)
  }
}

/** The bytes of a page that mean something: of a meta page the beginning, of a page of a tree all but the gap in its middle. */
function meantBytes (page: Buffer, kind: Kind): number[] {
  const all = Array.from({ length: pageBytes }, (_, at) => at)
  if (kind === 'value') return all
  if (kind === 'meta') return all.slice(0, 160)
  const [lower, upper] = [page.readUInt16LE(20), page.readUInt16LE(22)]
  return all.filter(at => at < 24 + lower || at >= 24 + upper)
}

function pagesOf (file: Buffer, kind: Kind): number[] {
  const free = [0, 1].map(meta => Number(file.readBigUInt64LE(meta * pageBytes + 88)))
  return Array.from({ length: file.length / pageBytes }, (_, page) => page).filter(page => {
    const flags = file.readUInt16LE(page * pageBytes + 18)
    switch (kind) {
      case 'meta': return page < 2
      case 'free list': return free.includes(page)
      case 'branch': return flags === 1
      case 'leaf': return flags === 2 && !free.includes(page)
      case 'value': return flags === 4
    }
  })
}
