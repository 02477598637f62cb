// The small records of the log: what is not what was stored is refused with a sentence, before anything is read or appended.

import t, { type Test } from 'tap'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { crc32 } from 'node:zlib'
import { nextBatch, readAll, record, valueOf } from '../behaviour.ts'
import { openLog, type Log } from '../index.ts'
import { placeBytes } from './batch.ts'
import { batchKey, decodeStates, encodeStates, firstBatchKey, logKey, stateKey, topicKey, unsealRecord, usageKey, type PartitionState } from './layout.ts'
import { Store } from './store.ts'

const topic = 'events'
const records = 10

t.test('one flipped bit in a record of state, in its value or under its key, is one sentence at open', async t => {
  const folder = await filled(t)
  for (const [name, key] of [['identity', logKey], ['usage', usageKey], ['topic', topicKey(topic)], ['offsets', stateKey(1)]] as const) {
    for (const bit of [0, 7, 12, -1, -9]) {
      await refused(t, await changed(folder, store => {
        const bytes = Buffer.from(store.read(key)!)
        const at = bit < 0 ? bytes.length * 8 + bit : bit
        bytes[at >> 3]! ^= 1 << (at & 7)
        void store.db.put(key, bytes)
      }), /does not match its checksum/, `${name}, bit ${bit}`)
    }
    await refused(t, await changed(folder, store => { void store.db.remove(key) }), /gone/, `${name} removed`)
    const moved = Buffer.from(key)
    moved[moved.length - 1]! ^= 1
    await refused(t, await changed(folder, store => {
      const bytes = Buffer.from(store.read(key)!)
      void store.db.remove(key)
      void store.db.put(moved, bytes)
    }), /checksum|gone|none of its records/, `${name} under another key`)
  }
})

t.test('offsets that are not those of the batches are one sentence, although their checksum is right', async t => {
  const folder = await filled(t)
  const put = async (change: (state: PartitionState) => void): Promise<string> => await changed(folder, store => {
    const states = decodeStates(unsealRecord(stateKey(1), store.read(stateKey(1))!)!)
    change(states[2]!)
    store.putRecord(stateKey(1), encodeStates(states))
  })
  await refused(t, await put(state => { state.end = 7n }), /offsets end at 7, but a batch lies at 9/, 'an older end would give offsets twice')
  await refused(t, await put(state => { state.chain = (state.chain ^ 1) >>> 0 }), /running checksum/, 'an older checksum')
  await refused(t, await put(state => { state.first = 11n }), /its offsets are 11 to 10/, 'a beginning behind the end')
  const ahead = await openLog(pathToFileURL(await put(state => { state.end = 12n })).href)
  t.teardown(async () => { await ahead.close() })
  const reader = await ahead.open({ topics: [topic], startAt: () => 'earliest' })
  t.equal((await nextBatch(reader)).count, records)
  t.strictSame(await reader.poll(1000, 1e6), { kind: 'damaged', topic, partition: 2, from: 10n, to: 12n, reason: 'a batch of 1 records does not reach offset 10' }, 'records that the log does not have are damage, not an end')
})

t.test('offsets that fall back while the log is open give no offset twice', async t => {
  const folder = await filled(t)
  const log = await openLog(pathToFileURL(folder).href)
  t.teardown(async () => { await log.close() })
  const store = new Store(folder, 0)
  await store.transaction(() => {
    const states = decodeStates(unsealRecord(stateKey(1), store.read(stateKey(1))!)!)
    states[2]!.end = 6n
    store.putRecord(stateKey(1), encodeStates(states))
  })
  await store.close()
  await t.rejects(log.append([record(topic, 'k', 'over another')]), { code: 'LOG_DAMAGED', message: /end at 6, where a batch lies/ })
  const reader = await log.open({ topics: [topic], startAt: () => 6n })
  await reader.poll(100, 1e6)
  await t.rejects(async () => { for (;;) await reader.poll(100, 1e6) }, { code: 'LOG_DAMAGED' })
})

t.test('a log of the format before is read, appended to and known from here on', async t => {
  const folder = await changed(await filled(t), store => { toFormatBefore(store) })
  let log = await openLog(pathToFileURL(folder).href)
  const reader = await log.open({ topics: [topic], startAt: () => 'earliest' })
  const old = await nextBatch(reader)
  t.equal(old.count, records)
  t.equal(old.fingerprint, '', 'nothing is known of its records')
  t.equal(await log.compareFingerprint(topic, 2, old.nextOffset, old.fingerprint), 'unknown')
  await log.append([record(topic, 'k', 'new')])
  const next = await nextBatch(reader)
  t.equal(valueOf(next, 0), 'new')
  t.equal(await log.compareFingerprint(topic, 2, next.nextOffset, next.fingerprint), 'same')
  await log.close()
  log = await openLog(pathToFileURL(folder).href)
  t.teardown(async () => { await log.close() })
  t.equal(await log.compareFingerprint(topic, 2, next.nextOffset, next.fingerprint), 'same', 'after a restart as well')
  t.equal((await readAll(await log.open({ topics: [topic], startAt: () => 'earliest' }), records + 1)).size, records + 1)
})

t.test('a log of a later format is left alone', async t => {
  const folder = await changed(await filled(t), store => {
    store.putRecord(logKey, Buffer.from(JSON.stringify({ format: 3, clusterId: crypto.randomUUID(), createdMs: 1 })))
  })
  await t.rejects(openLog(pathToFileURL(folder).href), { code: 'LOG_VERSION', message: /format 3.*reads format 2/ })
})

async function filled (t: Test): Promise<string> {
  const folder = join(t.testdir(), 'log')
  const log = await openLog(pathToFileURL(folder).href)
  await log.ensureTopic(topic)
  for (let i = 0; i < records; i++) await log.append([record(topic, 'k', `event number ${i}`)])
  await log.close()
  return folder
}

let copies = 0

/** A copy of the log, changed as bit rot or an older program would have. */
async function changed (folder: string, change: (store: Store) => void): Promise<string> {
  const copy = `${folder}-${copies++}`
  cpSync(folder, copy, { recursive: true })
  const store = new Store(copy, 0)
  await store.transaction(() => { change(store) })
  await store.close()
  return copy
}

async function refused (t: Test, folder: string, message: RegExp, name: string): Promise<void> {
  let log: Log | null = null
  try {
    log = await openLog(pathToFileURL(folder).href)
    t.fail(`${name}: it was opened`)
  } catch (error) {
    t.match(error, { code: 'LOG_DAMAGED', message }, name)
  } finally {
    await log?.close()
  }
}

/** What a log of format 1 looks like: no checksums on its state, no places in its batches. */
function toFormatBefore (store: Store): void {
  const identity = JSON.parse(unsealRecord(logKey, store.read(logKey)!)!.toString()) as object
  void store.db.put(logKey, Buffer.from(JSON.stringify({ ...identity, format: 1 })))
  for (const key of [usageKey, topicKey(topic)]) void store.db.put(key, Buffer.from(unsealRecord(key, store.read(key)!)!))
  const states = decodeStates(unsealRecord(stateKey(1), store.read(stateKey(1))!)!)
  const before = Buffer.alloc(states.length * 24)
  states.forEach(({ first, end, acknowledged }, i) => { [first, end, acknowledged].forEach((offset, j) => before.writeBigUInt64BE(offset, i * 24 + j * 8)) })
  void store.db.put(stateKey(1), before)
  for (const key of store.keysBelow(batchKey(2, 0, 0n))) {
    if (key.compare(firstBatchKey) < 0) continue
    const bytes = Buffer.from(store.read(key)!).subarray(0, -placeBytes)
    bytes.writeUInt32LE(bytes.length, 8)
    bytes.writeUInt16LE(1, 12)
    bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4)
    void store.db.put(key, bytes)
  }
}
