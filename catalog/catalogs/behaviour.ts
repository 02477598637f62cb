// For tests
// What every catalog must do, wherever it keeps its pointers: one suite, run against each backend. A sentence per promise of
// `catalog.ts`. Backends add what only they can show (tokens, signatures, versions) in tests of their own.

import type { Test } from 'tap'
import { stageAppend } from '../actions/append.ts'
import { evolveSchema, setProperties } from '../commit/change.ts'
import { commitSnapshot, type CommitOptions, type CommitOutcome } from '../commit/commit.ts'
import { scanFiles } from '../scan/scan-files.ts'
import type { DataFile } from '../spec/data-file.ts'
import { currentSchema, listFields, type FieldPath } from '../spec/schema.ts'
import { createSnapshotId, currentSnapshot, mainSnapshotId, snapshotById } from '../spec/snapshot.ts'
import type { Requirement, TableChange, TableIdentifier, Update } from '../spec/types.ts'
import type { Storage } from '../storage/storage.ts'
import type { Catalog, CommitReply, LoadedTable } from './catalog.ts'

export interface CatalogUnderTest {
  readonly catalog: Catalog
  readonly storage: Storage
  /** One level, used by no other test; made by the test. */
  readonly namespace: string
  /** The same catalog, opened once more, as another process would. */
  again(): Catalog
  /** The same catalog over a bad network. */
  lossy(): Promise<LossyCatalog>
  /**
   * Nessie (0.99): only the current snapshot is in view and without its parent, an unknown namespace is an empty one, what a change names is not
   * looked at closely; and of requirements only an asserted snapshot id holds while others commit: the first snapshot of a table, and columns,
   * need one committer at a time.
   */
  readonly isNessie?: boolean
}

export interface LossyCatalog extends Lossy { readonly catalog: Catalog }

/** Faults of the next commit. */
export interface Lossy {
  loseReplyOnce(): void
  loseRequestOnce(): void
  delayRequestOnce(): void
  deliverLate(): unknown
}

const committers = 8
const rounds = 4
const quick: CommitOptions = { backoffMsMin: 5, backoffMsMax: 200, unknownMsMax: 20_000 }
/** Beyond what a double holds exactly. */
const wideSnapshotId = 9_223_372_036_854_775_807n
const wideSequenceNumber = 9_007_199_254_740_993n

export function testCatalogBehaviour(t: Test, make: (t: Test) => Promise<CatalogUnderTest>): void {
  const scenario = (sentence: string, run: (t: Test, made: CatalogUnderTest) => Promise<void>): void => {
    void t.test(sentence, async t => { await run(t, await make(t)) })
  }

  scenario('a namespace is there after it was asked for, however often', async (t, { catalog, namespace, again, isNessie }) => {
    if (isNessie !== true) await t.rejects(catalog.listTables([namespace]), { code: 'CATALOG_NO_SUCH_NAMESPACE' })
    await catalog.ensureNamespace([namespace])
    await again().ensureNamespace([namespace])
    t.equal((await again().listNamespaces()).filter(each => each.join('.') === namespace).length, 1)
    t.same(await catalog.listTables([namespace]), [])
  })

  scenario('a table that was created is loaded by everybody, with the ids that the catalog gave', async (t, made) => {
    const { id, table } = await createEvents(made)
    const loaded = await made.again().loadTable(id)
    t.same(plain(loaded), plain(table), 'what was answered is what is loaded')
    const { metadata } = loaded
    t.equal(metadata['format-version'], 2)
    t.same(columnsOf(loaded).map(({ path, field }) => [path.join('.'), field.required]), [['event_id', true], ['place', false], ['place.city', false], ['amount', false], ['event_time', true]])
    t.same(idsOf(loaded).sort(), [1, 2, 3, 4, 5], 'ids of its own, each once')
    if (made.isNessie !== true) t.same(idsOf(loaded), [1, 2, 5, 3, 4], 'columns first, then what is nested')
    t.same(metadata['partition-specs'][0]?.fields.map(field => [field['source-id'], field.name, field.transform]), [[idsOf(loaded).at(-1), 'event_date', 'day']], 'the partition field follows its column')
    t.equal(metadata.properties['owner'], 'ünïcode "quoted" ☃')
    t.equal(mainSnapshotId(metadata), null)
    t.match(metadata.location, /^[a-z0-9]+:\/\//)
    t.same((await made.catalog.listTables([made.namespace])).map(each => each.name), [id.name])
  })

  scenario('a table exists once: who creates it again is told', async (t, made) => {
    const { id } = await createEvents(made)
    await t.rejects(made.again().createTable(id, eventsRequest()), { code: 'CATALOG_ALREADY_EXISTS', retryable: false })
    const rivals = Array.from({ length: committers }, () => made.again().createTable({ ...id, name: 'race' }, eventsRequest()))
    const outcomes = await Promise.allSettled(rivals)
    const won = outcomes.flatMap(outcome => outcome.status === 'fulfilled' ? [outcome.value] : [])
    t.equal(won.length, 1, 'of those who create it at once, one does')
    for (const outcome of outcomes) if (outcome.status === 'rejected') t.match(outcome.reason, { code: 'CATALOG_ALREADY_EXISTS' })
    t.equal((await made.catalog.loadTable({ ...id, name: 'race' })).metadata['table-uuid'], won[0]?.metadata['table-uuid'])
  })

  scenario('what is missing is named', async (t, { catalog, namespace }) => {
    await catalog.ensureNamespace([namespace])
    const id = { namespace: [namespace], name: 'missing' }
    const missing = { code: 'CATALOG_NO_SUCH_TABLE', retryable: false, message: new RegExp(`table ${namespace}\\.missing does not exist`) }
    await t.rejects(catalog.loadTable(id), missing)
    await t.rejects(catalog.dropTable(id), missing)
    t.match(await catalog.commitTable(id, { requirements: [], updates: [{ 'action': 'set-properties', 'updates': { a: '1' } }] }), { kind: 'refused', error: missing })
  })

  scenario('a table that was dropped is gone, and its name free', async (t, made) => {
    const { id, table } = await createEvents(made)
    await made.again().dropTable(id)
    await t.rejects(made.catalog.loadTable(id), { code: 'CATALOG_NO_SUCH_TABLE' })
    t.same(await made.catalog.listTables([made.namespace]), [])
    const next = await made.catalog.createTable(id, eventsRequest())
    t.not(next.metadata['table-uuid'], table.metadata['table-uuid'])
    t.match(await made.catalog.commitTable(id, snapshotChange(table)), { kind: 'conflict' }, 'what was meant for the old table does not reach the new one')
  })

  scenario('a commit that landed is what everybody loads', async (t, made) => {
    const { id, table } = await createEvents(made)
    const change = snapshotChange(table, { more: [{ 'action': 'set-properties', 'updates': { 'firn.offsets': '{"0":5}' } }] })
    const reply = landed(await made.catalog.commitTable(id, change))
    const loaded = await made.again().loadTable(id)
    t.same(plain(reply), plain(loaded))
    t.equal(mainSnapshotId(loaded.metadata), snapshotIdOf(change))
    t.equal(loaded.metadata['last-sequence-number'], 1n)
    t.equal(loaded.metadata.properties['firn.offsets'], '{"0":5}', 'in the same commit')
    t.equal(loaded.metadata.properties['owner'], 'ünïcode "quoted" ☃', 'the others stay')
    t.match(currentSnapshot(loaded.metadata)?.summary, { operation: 'append', note: 'ünïcode ☃' })
  })

  scenario('ids and sequence numbers beyond 2^53 keep every digit', async (t, made) => {
    const { id, table } = await createEvents(made)
    landed(await made.catalog.commitTable(id, snapshotChange(table, { snapshotId: wideSnapshotId, sequenceNumber: wideSequenceNumber })))
    const { metadata } = await made.again().loadTable(id)
    t.equal(metadata['current-snapshot-id'], wideSnapshotId)
    t.equal(metadata['last-sequence-number'], wideSequenceNumber)
    t.match(currentSnapshot(metadata), { 'snapshot-id': wideSnapshotId, 'sequence-number': wideSequenceNumber })
    const next = await made.again().loadTable(id)
    landed(await made.catalog.commitTable(id, snapshotChange(next, { snapshotId: wideSnapshotId - 1n })))
    t.match(currentSnapshot((await made.catalog.loadTable(id)).metadata), { 'snapshot-id': wideSnapshotId - 1n, 'sequence-number': wideSequenceNumber + 1n, ...(made.isNessie === true ? {} : { 'parent-snapshot-id': wideSnapshotId }) })
  })

  scenario('a requirement that does not hold is a conflict, and nothing changes', async (t, made) => {
    const { id, table } = await createEvents(made)
    const base = landed(await made.catalog.commitTable(id, snapshotChange(table)))
    const wrong: Requirement[] = [
      { 'type': 'assert-table-uuid', 'uuid': 'ffffffff-ffff-4fff-8fff-ffffffffffff' },
      { 'type': 'assert-ref-snapshot-id', 'ref': 'main', 'snapshot-id': null },
      { 'type': 'assert-ref-snapshot-id', 'ref': 'main', 'snapshot-id': 5n },
      { 'type': 'assert-last-assigned-field-id', 'last-assigned-field-id': 99 },
      { 'type': 'assert-current-schema-id', 'current-schema-id': 7 },
      { 'type': 'assert-default-spec-id', 'default-spec-id': 7 }
    ]
    for (const requirement of wrong) {
      const reply = await made.catalog.commitTable(id, { requirements: [requirement], updates: [{ 'action': 'set-properties', 'updates': { changed: requirement.type } }] })
      t.match(reply, { kind: 'conflict', reason: /./ }, requirement.type)
    }
    t.match(await made.catalog.commitTable(id, snapshotChange(table)), { kind: 'conflict' }, 'a snapshot on a main of before')
    t.same(plain(await made.again().loadTable(id)), plain(base))
  })

  scenario('a change that is wrong is refused, and nothing changes', async (t, made) => {
    const { id, table } = await createEvents(made)
    const wrong = [{ 'action': 'set-current-schema', 'schema-id': 99 }, { 'action': 'firn-no-such-action' }, ...(made.isNessie === true ? [] : [{ 'action': 'set-snapshot-ref', 'ref-name': 'main', 'type': 'branch', 'snapshot-id': 5n }])]
    for (const update of wrong) {
      const reply = await made.catalog.commitTable(id, { requirements: [{ 'type': 'assert-table-uuid', 'uuid': table.metadata['table-uuid'] }], updates: [update as Update] })
      t.match(reply, { kind: /refused|unknown/ }, update.action)
    }
    t.same(plain(await made.again().loadTable(id)), plain(table))
  })

  scenario('columns are added and widened, properties set and removed', async (t, made) => {
    const { id, table } = await createEvents(made)
    const { catalog, storage } = made
    const evolved = await evolveSchema({ catalog, storage, table }, [{ name: 'loyalty', type: 'long' }, { name: 'amount', type: 'decimal(18,2)' }], quick)
    t.same(columnsOf(evolved).map(({ path, field }) => [path.join('.'), field.id]), [...columnsOf(table).map(({ path, field }) => [path.join('.'), field.id]), ['loyalty', 6]])
    t.equal(columnsOf(evolved).find(({ field }) => field.name === 'amount')?.field.type.toString().replace(' ', ''), 'decimal(18,2)')
    t.equal(evolved.metadata['last-column-id'], 6)
    const set = await setProperties({ catalog, storage, table: evolved }, { a: '1', b: '2' }, [], quick)
    const removed = await setProperties({ catalog, storage, table: set }, { c: '3' }, ['a', 'owner'], quick)
    const { metadata } = await made.again().loadTable(id)
    t.match(metadata.properties, { b: '2', c: '3' })
    t.notOk('a' in metadata.properties || 'owner' in metadata.properties)
    t.same(plain(removed), plain({ id, metadata, metadataLocation: removed.metadataLocation }))
    t.ok(metadata.schemas.some(schema => schema['schema-id'] !== metadata['current-schema-id']), 'the schema of before is still known')
  })

  scenario('of those who commit on the same base at once one lands, each time, and nobody\'s snapshot is lost', async (t, made) => {
    const { id, table, begun } = await createBegun(made)
    const catalogs = Array.from({ length: committers }, () => made.again())
    const winners: bigint[] = []
    let base = table
    for (let round = 0; round < rounds; round++) {
      const changes = catalogs.map(() => snapshotChange(base))
      const replies = await Promise.all(catalogs.map((catalog, index) => catalog.commitTable(id, changes[index]!)))
      t.same(replies.map(reply => reply.kind).sort(), ['landed', ...Array.from({ length: committers - 1 }, () => 'conflict')].sort(), `round ${round}`)
      winners.push(...changes.filter((_, index) => replies[index]?.kind === 'landed').map(snapshotIdOf))
      base = await made.again().loadTable(id)
      t.equal(mainSnapshotId(base.metadata), winners.at(-1), 'main is the winner\'s')
      t.equal(base.metadata['last-sequence-number'], begun + BigInt(round + 1))
    }
    if (made.isNessie !== true) t.same(base.metadata.snapshots.map(snapshot => snapshot['snapshot-id']), winners)
  })

  scenario('writers that append with the commit loop at once all land, each file once', async (t, made) => {
    const { id, table, begun } = await createBegun(made)
    const each = 2
    const written = await Promise.all(Array.from({ length: committers }, async (_, writer) => {
      const locations: string[] = []
      const catalog = made.again()
      let base = table
      for (let batch = 0; batch < each; batch++) {
        const file = dataFile(base, `${writer}-${batch}`)
        base = landedOf(await append({ catalog, storage: made.storage, table: base }, [file]))
        locations.push(file.location)
      }
      return locations
    }))
    const after = await made.again().loadTable(id)
    const scan = await scanFiles(made.storage, after)
    t.same(scan.files.map(file => file.location).sort(), written.flat().sort())
    t.same(scan.files.map(file => file.dataSequenceNumber).sort((a, b) => Number(a - b)), written.flat().map((_, index) => begun + BigInt(index + 1)), 'each commit has a sequence number of its own')
    t.equal(currentSnapshot(after.metadata)?.summary['total-records'], String(committers * each * 10))
  })

  scenario('writers that set properties and add columns meanwhile lose nothing either', async (t, made) => {
    const { id, table } = await createBegun(made)
    const { storage } = made
    const columns = Array.from({ length: made.isNessie === true ? 1 : 4 }, (_, index) => ({ name: `extra_${index}`, type: 'string' }))
    await Promise.all([
      ...columns.map(async column => { await evolveSchema({ catalog: made.again(), storage, table }, [column], quick) }),
      ...columns.map(async ({ name }) => { await setProperties({ catalog: made.again(), storage, table }, { [name]: 'set' }, [], quick) }),
      append({ catalog: made.again(), storage, table }, [dataFile(table, 'a')])
    ])
    const { metadata } = await made.catalog.loadTable(id)
    const fields = currentSchema(metadata).fields.filter(field => field.name.startsWith('extra_'))
    t.same(fields.map(field => field.name).sort(), columns.map(column => column.name))
    t.equal(new Set(fields.map(field => field.id)).size, columns.length, 'no field id twice')
    for (const { name } of columns) t.equal(metadata.properties[name], 'set')
    t.equal((await scanFiles(storage, await made.catalog.loadTable(id))).files.length, 1)
  })

  scenario('a commit whose reply was lost is unknown; sent again, it is not done twice', async (t, made) => {
    const { id, table } = await createEvents(made)
    const lossy = await made.lossy()
    const change = snapshotChange(table)
    lossy.loseReplyOnce()
    t.match(await lossy.catalog.commitTable(id, change), { kind: 'unknown' })
    const after = await made.again().loadTable(id)
    t.equal(mainSnapshotId(after.metadata), snapshotIdOf(change), 'it had landed')
    // A catalog that knows the sender again says so; for others the main of before is no longer there.
    t.match(await lossy.catalog.commitTable(id, change), { kind: /landed|conflict|refused/ })
    t.same(plain(await made.again().loadTable(id)), plain(after))
  })

  scenario('a commit whose request was lost lands when it is sent again', async (t, made) => {
    const { id, table } = await createEvents(made)
    const lossy = await made.lossy()
    const change = snapshotChange(table)
    lossy.loseRequestOnce()
    t.match(await lossy.catalog.commitTable(id, change), { kind: 'unknown' })
    t.equal(mainSnapshotId((await made.again().loadTable(id)).metadata), null)
    landed(await lossy.catalog.commitTable(id, change))
    t.equal(mainSnapshotId((await made.again().loadTable(id)).metadata), snapshotIdOf(change))
  })

  scenario('a commit that arrives late, after its copy landed and others on top, changes nothing', async (t, made) => {
    const { id, table } = await createBegun(made)
    const lossy = await made.lossy()
    const change = snapshotChange(table)
    lossy.delayRequestOnce()
    t.match(await lossy.catalog.commitTable(id, change), { kind: 'unknown' })
    const first = landed(await lossy.catalog.commitTable(id, change))
    landed(await made.catalog.commitTable(id, snapshotChange(first)))
    const before = await made.again().loadTable(id)
    await lossy.deliverLate()
    t.same(plain(await made.again().loadTable(id)), plain(before))
  })

  scenario('the commit loop over a bad network appends every file once', async (t, made) => {
    const { id, table } = await createEvents(made)
    const lossy = await made.lossy()
    const { catalog } = lossy
    const faults = [() => { lossy.loseReplyOnce() }, () => { lossy.loseRequestOnce() }, () => undefined, () => { lossy.delayRequestOnce() }, () => { lossy.loseReplyOnce() }]
    const written: string[] = []
    let base = table
    for (const [index, fault] of faults.entries()) {
      fault()
      const file = dataFile(base, `lossy-${index}`)
      base = landedOf(await append({ catalog, storage: made.storage, table: base }, [file]))
      written.push(file.location)
    }
    await lossy.deliverLate()
    const after = await made.again().loadTable(id)
    t.same((await scanFiles(made.storage, after)).files.map(file => file.location).sort(), written.sort())
    t.equal(after.metadata['last-sequence-number'], BigInt(faults.length))
  })

  scenario('snapshots are expired in a commit that adds one', async (t, made) => {
    const { id, table } = await createEvents(made)
    let base = table
    for (let index = 0; index < 3; index++) base = landed(await made.catalog.commitTable(id, snapshotChange(base)))
    if (made.isNessie === true) return
    const old = base.metadata.snapshots.slice(0, 2).map(snapshot => snapshot['snapshot-id'])
    const change = snapshotChange(base, { more: [{ 'action': 'remove-snapshots', 'snapshot-ids': old }] })
    landed(await made.catalog.commitTable(id, change))
    const { metadata } = await made.again().loadTable(id)
    t.same(metadata.snapshots.map(snapshot => snapshot['snapshot-id']), [mainSnapshotId(base.metadata), snapshotIdOf(change)])
    for (const each of old) t.equal(snapshotById(metadata, each), undefined)
  })
}

/** The same table, ready for many committers: on Nessie with its first snapshot, made by one. `begun` is its last sequence number. */
async function createBegun(made: CatalogUnderTest): Promise<{ id: TableIdentifier, table: LoadedTable, begun: bigint }> {
  const { id, table } = await createEvents(made)
  if (made.isNessie !== true) return { id, table, begun: 0n }
  return { id, table: landedOf(await append({ catalog: made.catalog, storage: made.storage, table }, [])), begun: 1n }
}

/** A table with nested columns, whose ids in the request are not those that a catalog gives. */
async function createEvents({ catalog, namespace }: CatalogUnderTest): Promise<{ id: TableIdentifier, table: LoadedTable }> {
  await catalog.ensureNamespace([namespace])
  const id = { namespace: [namespace], name: 'events' }
  return { id, table: await catalog.createTable(id, eventsRequest()) }
}

function columnsOf({ metadata }: LoadedTable): FieldPath[] {
  return listFields(currentSchema(metadata))
}

function idsOf(table: LoadedTable): number[] {
  return columnsOf(table).map(({ field }) => field.id)
}

function eventsRequest() {
  return {
    'schema': {
      'type': 'struct' as const,
      'fields': [
        { 'id': 10, 'name': 'event_id', 'required': true, 'type': 'string' as const },
        { 'id': 11, 'name': 'place', 'required': false, 'type': { 'type': 'struct' as const, 'fields': [{ 'id': 12, 'name': 'city', 'required': false, 'type': 'string' as const }] } },
        { 'id': 13, 'name': 'amount', 'required': false, 'type': 'decimal(10,2)' as const },
        { 'id': 14, 'name': 'event_time', 'required': true, 'type': 'timestamptz' as const }
      ]
    },
    'partition-spec': { 'spec-id': 0, 'fields': [{ 'source-id': 14, 'field-id': 1000, 'name': 'event_date', 'transform': 'day' }] },
    'properties': { owner: 'ünïcode "quoted" ☃' }
  }
}

/** One more snapshot on `main`; its manifest list need not exist for a catalog. */
function snapshotChange({ metadata }: LoadedTable, { snapshotId = createSnapshotId(metadata), sequenceNumber = metadata['last-sequence-number'] + 1n, more = [] }: { snapshotId?: bigint, sequenceNumber?: bigint, more?: readonly Update[] } = {}): TableChange {
  const parent = mainSnapshotId(metadata)
  return {
    requirements: [{ 'type': 'assert-table-uuid', 'uuid': metadata['table-uuid'] }, { 'type': 'assert-ref-snapshot-id', 'ref': 'main', 'snapshot-id': parent }],
    updates: [
      { 'action': 'add-snapshot', 'snapshot': { 'snapshot-id': snapshotId, ...(parent === null ? {} : { 'parent-snapshot-id': parent }), 'sequence-number': sequenceNumber,
        'timestamp-ms': Math.max(Date.now(), metadata['last-updated-ms']), 'manifest-list': `${metadata.location}/metadata/snap-${snapshotId}-1-test.avro`, 'summary': { 'operation': 'append', 'note': 'ünïcode ☃' }, 'schema-id': metadata['current-schema-id'] } },
      { 'action': 'set-snapshot-ref', 'ref-name': 'main', 'type': 'branch', 'snapshot-id': snapshotId },
      ...more
    ]
  }
}

function snapshotIdOf({ updates }: TableChange): bigint {
  for (const update of updates) if (update.action === 'add-snapshot') return update.snapshot['snapshot-id']
  throw new Error('the change adds no snapshot')
}

async function append(context: { catalog: Catalog, storage: Storage, table: LoadedTable }, files: readonly DataFile[]): Promise<CommitOutcome> {
  const snapshotId = createSnapshotId(context.table.metadata)
  return await commitSnapshot(context, snapshotId, base => stageAppend(context, base, { snapshotId, files }), quick)
}

function dataFile({ metadata }: LoadedTable, name: string): DataFile {
  return {
    location: `${metadata.location}/data/${name}.parquet`, format: 'PARQUET', specId: metadata['default-spec-id'], partition: { event_date: 20_000 }, recordCount: 10n, fileSizeBytes: 1_000n,
    columnSizes: new Map([[1, 10n]]), valueCounts: new Map([[1, 10n]]), nullValueCounts: new Map([[1, 0n]]), lowerBounds: new Map([[1, Buffer.from('a')]]), upperBounds: new Map([[1, Buffer.from('z')]]), splitOffsets: null, sortOrderId: 0
  }
}

function landed(reply: CommitReply): LoadedTable {
  if (reply.kind === 'landed') return reply.table
  throw new Error(`not landed: ${reply.kind} ${reply.kind === 'conflict' ? reply.reason : reply.kind === 'refused' ? reply.error.message : String(reply.cause)}`)
}

function landedOf(outcome: CommitOutcome): LoadedTable {
  if (outcome.kind === 'landed') return outcome.table
  throw new Error(`not landed: ${outcome.kind === 'failed' ? outcome.error.message : outcome.reason}`)
}

/** What two loads of the same state must agree on: the order of members and what a reply leaves out aside. */
function plain({ metadata }: LoadedTable): unknown {
  return { ...metadata, 'metadata-log': undefined }
}
