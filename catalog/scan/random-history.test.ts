/**
 * Random histories of a table: appends, overwrites, compactions of both kinds, expiry, crashes of the clean-up, rollbacks. At every step the live
 * rows are those of a model, and what is told to have changed since each recorded state leads from the rows of then to the rows of now.
 */
import { readdirSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { deleteExpiredFiles, resumeCleanup } from '../actions/delete-expired.ts'
import { openTestTable, type TestTable } from '../actions/table-for-tests.ts'
import type { DataFile, LiveFile } from '../spec/data-file.ts'
import { printJson } from '../spec/json.ts'
import { openLocalStorage, toPath } from '../storage/local.ts'
import { changesSince, recordOf, type SourceRecord } from './changes-since.ts'
import { scanFiles } from './scan-files.ts'

type Kind = 'append' | 'overwrite' | 'pinned' | 'renumbered' | 'expire' | 'crash' | 'record' | 'rollback'
/** `pick`: bits that choose among what there is. */
interface Step { readonly kind: Kind, readonly pick: number, readonly rows: number }

class History {
  readonly test: TestTable
  readonly rowsOf = new Map<string, readonly number[]>()
  readonly records: { record: SourceRecord, rows: ReadonlySet<number> }[] = []
  readonly answers = new Map<string, number>()
  #rows = 0
  #kept = ''

  constructor(test: TestTable) { this.test = test }

  async write(rows: readonly number[]): Promise<DataFile> {
    const file = await this.test.file(rows.length)
    this.rowsOf.set(file.location, rows)
    return file
  }

  fresh(count: number): number[] {
    return Array.from({ length: count }, () => this.#rows++)
  }

  rowsIn(files: readonly { location: string }[]): Set<number> {
    return new Set(files.flatMap(file => this.rowsOf.get(file.location) ?? []))
  }

  async take(step: Step): Promise<void> {
    const { test } = this
    const live = test.table.metadata['current-snapshot-id'] === -1n ? [] : await test.live()
    const chosen = live.filter((_, index) => (step.pick >> (index % 30)) & 1)
    const held = (files: readonly LiveFile[]) => [...this.rowsIn(files)]
    switch (step.kind) {
      case 'append': return void await test.append([await this.write(this.fresh(step.rows))])
      case 'overwrite': {
        const kept = held(chosen).filter(row => row % 3 !== 0)
        return void await test.overwrite({ removed: chosen, added: [await this.write([...kept, ...this.fresh(step.rows)])] })
      }
      case 'pinned': case 'renumbered': {
        if (chosen.length === 0) return
        const newest = chosen.reduce((max, file) => file.dataSequenceNumber > max ? file.dataSequenceNumber : max, 0n)
        const pinned = step.rows % 2 === 0 ? newest : test.current()['sequence-number']
        return void await test.replace(chosen, [await this.write(held(chosen))], step.kind === 'pinned' ? pinned : null)
      }
      case 'expire': case 'crash': return await this.expire(step)
      case 'record': {
        const record = recordOf(test.table)
        if (record !== null) this.records.push({ record, rows: this.rowsIn(live) })
        return
      }
      case 'rollback': {
        const older = test.table.metadata.snapshots[step.pick % Math.max(1, test.table.metadata.snapshots.length)]
        if (older !== undefined) await test.change({ 'action': 'set-snapshot-ref', 'ref-name': 'main', 'type': 'branch', 'snapshot-id': older['snapshot-id'] })
      }
    }
  }

  async expire({ kind, pick }: Step): Promise<void> {
    const { test } = this
    const before = test.table
    const gone = before.metadata.snapshots.filter((each, index) => each['snapshot-id'] !== before.metadata['current-snapshot-id'] && (pick >> (index % 30)) & 1).map(each => each['snapshot-id'])
    if (gone.length === 0) return
    const after = await test.change({ 'action': 'remove-snapshots', 'snapshot-ids': gone })
    if (kind === 'crash') {
      test.storage = openLocalStorage()
      await resumeCleanup(test.storage, after)
    } else {
      await deleteExpiredFiles(test.storage, before, after)
    }
  }

  /** The catalog in memory writes no metadata files; who resumes a clean-up reads them. */
  async keepMetadata(): Promise<void> {
    const { metadata, metadataLocation } = this.test.table
    if (metadataLocation === null || this.#kept === metadataLocation) return
    await this.test.storage.writeDurably(metadataLocation, Buffer.from(printJson(metadata)))
    this.#kept = metadataLocation
  }

  async check(): Promise<void> {
    const { test } = this
    for (const snapshot of test.table.metadata.snapshots) {
      const { files } = await scanFiles(test.storage, test.table, { snapshotId: snapshot['snapshot-id'] })
      equal(sum(files), BigInt(snapshot.summary['total-records'] ?? -1), 'total-records')
      equal(files.length, Number(snapshot.summary['total-data-files']), 'total-data-files')
      for (const file of files) await test.storage.size(file.location)
    }
    const live = test.table.metadata['current-snapshot-id'] === -1n ? [] : await test.live()
    const now = this.rowsIn(live)
    equal(BigInt(now.size), sum(live), 'no row is in two files')
    for (const { record, rows } of this.records) {
      const changes = await changesSince(test.storage, test.table, record)
      this.answers.set(changes.kind, (this.answers.get(changes.kind) ?? 0) + 1)
      const then = new Set(rows)
      if (changes.kind === 'unknown') continue
      if (changes.kind === 'replaced') for (const row of this.rowsIn(changes.removed)) then.delete(row)
      if (changes.kind !== 'unchanged') for (const row of this.rowsIn(changes.kind === 'appended' ? changes.files : changes.added)) then.add(row)
      equal(then.size, now.size, changes.kind)
      for (const row of now) if (!then.has(row)) throw new Error(`${changes.kind} misses row ${row}`)
    }
  }
}

const stepsOf = (...kinds: Kind[]) => fc.array(fc.record({ kind: fc.constantFrom(...kinds), pick: fc.integer({ min: 0, max: 2 ** 30 - 1 }), rows: fc.integer({ min: 1, max: 4 }) }), { minLength: 4, maxLength: 18 })
let tables = 0

async function play(t: { teardown(end: () => void): unknown }, steps: readonly Step[], answers: Map<string, number>): Promise<History> {
  const history = new History(await openTestTable(t, `history_${tables++}`, { 'commit.manifest.min-count-to-merge': '2' }))
  for (const step of steps) {
    await history.take(step)
    await history.keepMetadata()
    await history.check()
  }
  for (const [kind, count] of history.answers) answers.set(kind, (answers.get(kind) ?? 0) + count)
  return history
}

t.test('appends, overwrites, compactions and expiry: no row is missed, no file is lost, none is left behind', async t => {
  const answers = new Map<string, number>()
  await fc.assert(fc.asyncProperty(stepsOf('append', 'overwrite', 'pinned', 'renumbered', 'expire', 'crash', 'record', 'record'), async steps => {
    const history = await play(t, steps, answers)
    const { test } = history
    if (test.table.metadata['current-snapshot-id'] === -1n) return
    await history.take({ kind: 'expire', pick: 2 ** 30 - 1, rows: 1 })
    await history.check()
    equal(readdirSync(toPath(`${test.table.metadata.location}/data`)).length, (await test.live()).length, 'files on disk')
  }), { numRuns: 25 })
  for (const kind of ['unchanged', 'appended', 'replaced', 'unknown']) t.ok((answers.get(kind) ?? 0) > 0, `${kind}: ${answers.get(kind)}`)
})

t.test('appends and expiry never cost the answer', async t => {
  const answers = new Map<string, number>()
  await fc.assert(fc.asyncProperty(stepsOf('append', 'append', 'expire', 'record'), async steps => { await play(t, steps, answers) }), { numRuns: 10 })
  t.same(answers.get('unknown') ?? 0, 0)
  t.same(answers.get('replaced') ?? 0, 0)
})

t.test('rollbacks are not mistaken for appends', async t => {
  const answers = new Map<string, number>()
  await fc.assert(fc.asyncProperty(stepsOf('append', 'append', 'pinned', 'rollback', 'expire', 'record', 'record'), async steps => { await play(t, steps, answers) }), { numRuns: 25 })
  t.ok((answers.get('unknown') ?? 0) > 0)
})

function sum(files: readonly DataFile[]): bigint {
  return files.reduce((rows, file) => rows + file.recordCount, 0n)
}

function equal<T>(found: T, wanted: T, what: string): void {
  if (found !== wanted) throw new Error(`${what}: ${String(found)} instead of ${String(wanted)}`)
}
