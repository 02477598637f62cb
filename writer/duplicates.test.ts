// The laws of the duplicate index against the plainest possible model: a list of the rows that the table holds.

import t from 'tap'
import fc from 'fast-check'
import type { LoadedTable } from '../catalog/index.ts'
import { addAdmitted, BatchIds, findDuplicates } from './batch-ids.ts'
import { DuplicateIndex } from './duplicate-index.ts'
import { Duplicates } from './duplicates.ts'
import type { ParsedBatch } from './pipeline.ts'
import type { IdFile, TableIds } from './table-ids.ts'

const window = 100
const day = 86_400

interface Arrival { readonly id: number, readonly second: number }

t.test('first occurrences within the window win, in every order of batches', t => {
  const event = fc.record({ id: fc.integer({ min: 0, max: 30 }), second: fc.integer({ min: 1, max: 600 }) })
  fc.assert(fc.property(fc.array(fc.array(event, { maxLength: 60 }), { maxLength: 8 }), batches => {
    const index = new DuplicateIndex()
    const admitted: Arrival[] = []
    for (const events of batches) {
      const ids = idsOf(events)
      const duplicates = findDuplicates(ids, index, window)
      if (admit(admitted, events).join() !== [...duplicates].join()) return false
      addAdmitted(ids, duplicates, (a, b, c, second) => { index.add(a, b, c, second) })
    }
    return index.size === new Set(admitted.map(({ id, second }) => `${id}/${second}`)).size
  }), { numRuns: 300 })
  t.end()
})

t.test('nothing enters the index before its commit landed', t => {
  const index = new DuplicateIndex()
  const ids = idsOf([{ id: 1, second: 5 }, { id: 2, second: 5 }])
  findDuplicates(ids, index, window)
  t.equal(index.size, 0)
  t.equal(findDuplicates(ids, index, window).length, 0, 'the batch can be tried again')
  t.end()
})

t.test('ids are found after growth, old ones leave, the newest are kept', t => {
  const index = new DuplicateIndex()
  const many = Array.from({ length: 150_000 }, (_, id) => ({ id, second: 1 + id }))
  for (const { id, second } of many) index.add(...hashOf(id), second)
  t.equal(index.size, 150_000)
  t.equal(findDuplicates(idsOf(many), index, window).length, 150_000)
  index.evictBelow = 100_000
  index.keepNewest(60_000)
  t.equal(index.size, 50_001)
  t.equal(findDuplicates(idsOf(many.slice(99_999)), index, window).length, 50_001)
  t.ok(index.bytes < 50_001 * 40, 'memory follows')
  index.keepNewest(10_000)
  t.ok(index.size <= 10_000 && index.size > 9_900)
  t.equal(findDuplicates(idsOf(many.filter(({ second }) => second >= index.evictBelow)), index, window).length, index.size, 'complete from evictBelow on')
  index.keepNewest(0)
  t.equal(index.size, 0)
  t.end()
})

/** What happens to the table; numbers choose among what there is. */
type Step =
  | { readonly kind: 'batch', readonly arrivals: readonly Arrival[], readonly rival: readonly Arrival[] }
  | { readonly kind: 'restart' | 'compact' | 'renumber' | 'rollback' }
  /** Rows of these ids go, as another engine's DELETE takes them. */
  | { readonly kind: 'delete', readonly modulo: number }
  | { readonly kind: 'time', readonly seconds: number }

const arrivals = fc.array(fc.record({ id: fc.nat(40), second: fc.integer({ min: 1, max: 400 }) }), { maxLength: 25 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('batch'), arrivals, rival: fc.oneof(fc.constant([]), arrivals) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('restart', 'compact', 'renumber', 'rollback') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete'), modulo: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('time'), seconds: fc.nat(300) }) }
)

/** Arrivals up to 400 seconds old, some a little ahead of the clock. */
function shift (arrivals: readonly Arrival[], now: number): Arrival[] {
  return arrivals.map(({ id, second }) => ({ id, second: Math.max(1, now + 20 - second) }))
}

interface FakeFile { readonly number: number, readonly sequence: number, readonly rows: readonly Arrival[] }

/** A table as a list of files for each state that it was in. */
class FakeTable {
  states: FakeFile[][] = [[]]
  sequence = 0
  snapshot = 0
  /** Snapshots after which rows may have gone. */
  removals: number[] = []
  #files = 0

  get rows (): Arrival[] {
    return this.states.at(-1)!.flatMap(({ rows }) => rows)
  }

  get loaded (): LoadedTable {
    const id = BigInt(this.snapshot)
    const snapshots = this.snapshot === 0 ? [] : [{ 'snapshot-id': id, 'sequence-number': BigInt(this.sequence), 'summary': {} }]
    return { metadata: { 'table-uuid': 'table', 'refs': {}, 'current-snapshot-id': this.snapshot === 0 ? -1n : id, snapshots } } as unknown as LoadedTable
  }

  append (rows: readonly Arrival[]): void {
    this.#commit([...this.states.at(-1)!, this.#file(rows, this.sequence + 1)])
  }

  change (step: Exclude<Step, { kind: 'batch' | 'time' }>): void {
    const live = this.states.at(-1)!
    switch (step.kind) {
      case 'delete':
        this.#commit(live.map(file => this.#file(file.rows.filter(({ id }) => id % step.modulo !== 0), this.sequence + 1)))
        this.removals.push(this.snapshot)
        break
      case 'rollback':
        this.#commit(this.states[Math.floor(this.states.length / 2)]!)
        this.removals.push(this.snapshot)
        break
      case 'compact':
        if (live.length > 0) this.#commit([this.#file(this.rows, Math.max(...live.map(({ sequence }) => sequence)))])
        break
      case 'renumber':
        this.#commit([this.#file(this.rows, this.sequence + 1)])
    }
  }

  #file (rows: readonly Arrival[], sequence: number): FakeFile {
    return { number: this.#files++, sequence, rows }
  }

  #commit (files: FakeFile[]): void {
    this.sequence++
    this.snapshot++
    this.states.push(files)
  }
}

/** A writer's way of a batch without the writer: check, a rival in between, check again, land. Throws where the model disagrees. */
class FakeLine {
  readonly table: FakeTable
  readonly duplicates: Duplicates
  readonly #options: { readonly idsMax: number, readonly windowSeconds: number }
  now = 1_000
  #batch: readonly Arrival[] = []

  constructor (options: { readonly idsMax: number, readonly windowSeconds: number }, table = new FakeTable()) {
    this.table = table
    this.#options = options
    const rowsOf = (files: readonly IdFile[]): readonly Arrival[] => files.flatMap(({ file }) => (file as unknown as FakeFile).rows)
    const ids: TableIds = {
      changes: async (_, since) => {
        const live = table.states.at(-1)!
        if (since === null || table.removals.some(snapshot => BigInt(snapshot) > since.snapshotId)) return { kind: 'anew', files: live.map(describe) }
        return { kind: 'added', files: live.filter(({ sequence }) => BigInt(sequence) > since.sequence).map(describe) }
      },
      typesIn: async () => [],
      visitSince: async (_, files, from, visit) => { visiting(rowsOf(files).filter(({ second }) => second >= from), visit) },
      visitOfBatch: async (_, files, _batch, before, visit) => {
        const asked = new Set(this.#batch.filter(({ second }) => second < before).map(({ id }) => id))
        visiting(rowsOf(files).filter(({ id }) => asked.has(id)), visit)
      }
    }
    this.duplicates = new Duplicates(ids, { ...options, nowMs: () => this.now * 1000 })
  }

  restarted (): FakeLine {
    const line = new FakeLine(this.#options, this.table)
    line.now = this.now
    return line
  }

  async send (arrivals: readonly Arrival[], rival: readonly Arrival[] = []): Promise<number[]> {
    this.#batch = arrivals
    const ids = idsOf(arrivals)
    const check = async (): Promise<Uint32Array> => {
      await this.duplicates.follow(this.table.loaded)
      return await this.duplicates.check(this.table.loaded, {} as ParsedBatch, ids)
    }
    let found = await check()
    this.#agree(found, arrivals)
    if (rival.length > 0) {
      const rows = [...this.table.rows]
      const refused = new Set(admit(rows, rival, this.#options.windowSeconds))
      this.table.append(rival.filter((_, i) => !refused.has(i)))
      found = await check()
      this.#agree(found, arrivals)
    }
    const refused = new Set(found)
    this.table.append(arrivals.filter((_, i) => !refused.has(i)))
    await this.duplicates.landed(this.table.loaded, BigInt(this.table.snapshot), ids, found, [])
    return [...found]
  }

  #agree (found: Uint32Array, arrivals: readonly Arrival[]): void {
    const expected = arrivals.length > 1_000 ? null : admit([...this.table.rows], arrivals, this.#options.windowSeconds)
    if (expected !== null && expected.join() !== [...found].join()) throw new Error(`${[...found]} instead of ${expected}`)
  }
}

/** The model: adds to `rows` what is admitted, returns the positions of what is not. */
function admit (rows: Arrival[], arrivals: readonly Arrival[], windowSeconds = window): number[] {
  const byId = Map.groupBy(rows, ({ id }) => id)
  return arrivals.flatMap((arrival, i) => {
    const known = byId.get(arrival.id) ?? []
    if (known.some(({ second }) => Math.abs(second - arrival.second) <= windowSeconds)) return [i]
    byId.set(arrival.id, [...known, arrival])
    rows.push(arrival)
    return []
  })
}

function describe (file: FakeFile): IdFile {
  const seconds = file.rows.map(({ second }) => second)
  const lower = seconds.reduce((least, second) => Math.min(least, second), Infinity)
  return { type: null, rows: seconds.length, lower, upper: seconds.reduce((most, second) => Math.max(most, second), 0), file: file as never }
}

function visiting (rows: readonly Arrival[], visit: (hashes: Uint32Array, seconds: number[], count: number) => void): void {
  const hashes = new Uint32Array(rows.length * 4)
  rows.forEach(({ id }, i) => { hashes.set(hashOf(id), i * 4) })
  visit(hashes, rows.map(({ second }) => second), rows.length)
}

/** All in one shard of the index, so that few ids make it move. */
function hashOf (id: number): [number, number, number] {
  return [Math.imul(id + 1, 0x9e3779b1) << 8 >>> 0, Math.imul(id + 1, 0x85ebca6b) >>> 0, Math.imul(id + 1, 0xc2b2ae35) >>> 0]
}

function idsOf (events: readonly Arrival[]): BatchIds {
  const ids = new BatchIds(events.length)
  ids.count = events.length
  events.forEach(({ id, second }, i) => {
    ids.hashes.set(hashOf(id), i * 3)
    ids.seconds[i] = second
    ids.rows[i] = i
  })
  return ids
}

t.test('late arrivals are found however many they are: what the table answered outlives the check', async t => {
  const line = new FakeLine({ idsMax: 1_000_000, windowSeconds: 7 * day })
  const now = 100 * day
  line.now = now
  const late = Array.from({ length: 30_000 }, (_, id) => ({ id, second: now - 10 * day }))
  t.same(await line.send(late), [])
  t.same(await line.send([{ id: 30_000, second: now }]), [])
  t.equal((await line.send(late.map(({ id, second }) => ({ id, second: second + 3_600 })))).length, 30_000)
})

t.test('a full index asks the table: it gets slower, never wrong, and does not stop', async t => {
  const line = new FakeLine({ idsMax: 1_000, windowSeconds: 1_000 })
  line.now = 2_000
  const ids = Array.from({ length: 5_000 }, (_, id) => ({ id, second: 1_000 + Math.floor(id / 5) }))
  for (let from = 0; from < ids.length; from += 500) t.same(await line.send(ids.slice(from, from + 500)), [])
  t.ok(line.duplicates.index.size <= 1_000, `bounded: ${line.duplicates.index.size}`)
  for (let from = 0; from < ids.length; from += 500) t.equal((await line.send(ids.slice(from, from + 500))).length, 500, 'all are known')
  const all = line.restarted()
  t.equal((await all.send(ids)).length, 5_000, 'after a restart as well')
})

t.test('whatever happens to the table, an id is admitted exactly when no row of it lies within the window', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 25 }), fc.constantFrom(8, 60, 10_000), async (steps, idsMax) => {
    let line = new FakeLine({ idsMax, windowSeconds: window })
    for (const step of steps) {
      switch (step.kind) {
        case 'batch': await line.send(shift(step.arrivals, line.now), shift(step.rival, line.now)); break
        case 'time': line.now += step.seconds; break
        case 'restart': line = line.restarted(); break
        default: line.table.change(step)
      }
    }
  }), { numRuns: 200 })
})
