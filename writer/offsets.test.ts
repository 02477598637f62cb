// The laws of the recorded progress, and every state of a table in which the writer must stand still.

import t from 'tap'
import fc from 'fast-check'
import type { TableMetadata } from '../catalog/index.ts'
import { advanceOffsets, batchSummaryKey, differingEvidence, fenceBatch, mergeOffsets, offsetsProperty, parseOffsets, printOffsets, readProgress, type ConsumedRange, type RecordedOffsets } from './offsets.ts'

const log = { clusterId: 'cluster-1', topicIds: new Map([['a', 'id-a'], ['b', 'id-b']]) }
/** A range whose evidence is its end. */
const rangeOf = (topic: string, partition: number, start: bigint, end: bigint): ConsumedRange => ({ topic, partition, start, end, before: `fp-${start}`, fingerprint: `fp-${end}` })
const carrier = { tableUuid: 'uuid-1', snapshotId: 5n, sequenceNumber: 5n, log }

const arbitraryOffset = fc.bigInt({ min: 0n, max: 2n ** 62n })
const arbitraryRange = fc.record({ topic: fc.constantFrom('a', 'b'), partition: fc.integer({ min: 0, max: 5 }), start: arbitraryOffset, length: fc.bigInt({ min: 0n, max: 2n ** 40n }) })
  .map(({ topic, partition, start, length }): ConsumedRange => rangeOf(topic, partition, start, start + length))
const arbitraryBatch = fc.uniqueArray(arbitraryRange, { selector: range => `${range.partition}/${range.topic}`, maxLength: 12 })

t.test('what is printed is what is parsed', t => {
  fc.assert(fc.property(arbitraryBatch, batch => {
    const offsets = mergeOffsets(null, batch, carrier)
    t.same(parseOffsets(printOffsets(offsets)), offsets)
  }), { numRuns: 100 })
  t.end()
})

t.test('merging moves the partitions of the batch and no others', t => {
  fc.assert(fc.property(arbitraryBatch, arbitraryBatch, (first, second) => {
    const base = mergeOffsets(null, first, carrier)
    const next = second.map(range => {
      const start = nextOf(base, range) ?? range.start
      return { ...range, start, end: start + (range.end - range.start) }
    })
    const merged = mergeOffsets(base, next, { ...carrier, snapshotId: 6n, sequenceNumber: 6n })
    for (const range of next) if (nextOf(merged, range) !== range.end) return false
    for (const range of first) if (!next.some(other => same(other, range)) && nextOf(merged, range) !== nextOf(base, range)) return false
    return merged.snapshotId === 6n
  }))
  t.end()
})

t.test('a batch passes the fence once: the same batch again is committed, an overlapping one is fenced', t => {
  fc.assert(fc.property(arbitraryBatch.filter(batch => batch.length > 0 && batch.every(({ start, end }) => end > start)), batch => {
    const recorded = mergeOffsets(null, batch, carrier)
    const [head] = batch
    return fenceBatch(null, batch).kind === 'ok' &&
      fenceBatch(recorded, batch).kind === 'committed' &&
      fenceBatch(recorded, [{ ...head!, start: head!.start, end: head!.end + 1n }]).kind === 'fenced' &&
      fenceBatch(recorded, [{ ...head!, start: head!.end + 1n, end: head!.end + 2n }]).kind === 'fenced' &&
      fenceBatch(recorded, [{ ...head!, start: head!.end, end: head!.end + 2n }]).kind === 'ok'
  }))
  t.equal(fenceBatch(mergeOffsets(null, [rangeOf('a', 0, 0n, 9n)], carrier), [rangeOf('a', 0, 0n, 9n), rangeOf('a', 1, 0n, 9n)]).kind, 'fenced', 'half committed is fenced')
  t.end()
})

t.test('the offsets of dead letters only rise', t => {
  const ahead = mergeOffsets(null, [rangeOf('a', 0, 0n, 100n)], carrier)
  t.equal(nextOf(advanceOffsets(ahead, [rangeOf('a', 0, 50n, 70n)], carrier), { topic: 'a', partition: 0 }), 100n)
  t.equal(nextOf(advanceOffsets(ahead, [rangeOf('a', 0, 50n, 170n)], carrier), { topic: 'a', partition: 0 }), 170n)
  t.end()
})

t.test('a merge that does not start at the record is a programmer error', t => {
  const base = mergeOffsets(null, [rangeOf('a', 0, 0n, 9n)], carrier)
  t.throws(() => mergeOffsets(base, [rangeOf('a', 0, 8n, 12n)], carrier), TypeError)
  t.end()
})

t.test('the writer goes on', t => {
  t.equal(readProgress(table({ chain: [] }), log).kind, 'fresh', 'with a new table')
  t.equal(readProgress(table({ chain: [1, 2, 5], offsets: recorded() }), log).kind, 'recorded', 'after its own commit')
  t.equal(readProgress(table({ chain: [1, 5, 7, 8], offsets: recorded() }), log).kind, 'recorded', 'after commits of others')
  t.equal(readProgress(table({ chain: [7, 8], expired: true, offsets: recorded() }), log).kind, 'unclear', 'after its snapshot expired, if the rows are there')
  t.end()
})

t.test('the writer halts', t => {
  const reasons: [string, TableMetadata, RegExp][] = [
    ['rolled back', table({ chain: [1, 2], offsets: recorded() }), /rolled back or replaced: snapshot 5/],
    ['rolled back, its snapshot still listed', table({ chain: [1, 2], others: [5], offsets: recorded() }), /rolled back/],
    ['rolled back, then others committed', table({ chain: [1, 2, 9], others: [5], offsets: recorded() }), /not an ancestor/],
    ['rolled back, its snapshot expired, then others committed', table({ chain: [1, 2, 9], offsets: recorded() }), /not an ancestor/],
    ['emptied', table({ chain: [], offsets: recorded() }), /replaced or emptied/],
    ['a copy', table({ chain: [1, 5], offsets: { ...recorded(), tableUuid: 'other' } }), /belong to table other/],
    ['another log', table({ chain: [1, 5], offsets: { ...recorded(), clusterId: 'cluster-0' } }), /belong to log cluster-0/],
    ['a lost property', table({ chain: [1, 5], ours: true }), /is gone/],
    ['rows of unknown origin', table({ chain: [1, 5] }), /no property firn.offsets says/],
    ['a property that cannot be read', { ...table({ chain: [5] }), properties: { [offsetsProperty]: '{"v":3}' } }, /cannot be read/]
  ]
  for (const [name, metadata, reason] of reasons) {
    const progress = readProgress(metadata, log)
    t.equal(progress.kind, 'halt', name)
    if (progress.kind !== 'halt') continue
    t.match(progress.reason, reason, name)
    t.match(progress.choices, /--writer-resume-from (recorded|data|earliest)/, 'names what to do')
  }
  t.end()
})

t.test('records of the first format are read: they have no evidence', t => {
  const text = '{"v":1,"table-uuid":"u","snap":"5","snap-seq":"4","log":{"cluster":"c","topics":{"a":{"id":"i","p":{"0":{"start":"0","next":"7"}}}}}}'
  t.strictSame(parseOffsets(text), {
    tableUuid: 'u', snapshotId: 5n, sequenceNumber: 4n, clusterId: 'c', tail: null,
    topics: new Map([['a', { id: 'i', partitions: new Map([[0, { start: 0n, next: 7n, fingerprint: '' }]]) }]])
  })
  t.equal(parseOffsets(text.replace('"v":1', '"v":3')), null, 'a later format is not guessed at')
  t.end()
})

t.test('what was read before a decision is remembered until reading has passed it', t => {
  const partitions = new Map([[0, { start: 0n, next: 4n, fingerprint: '', rereadTo: 9n }]])
  const base = { ...recorded(), topics: new Map([['a', { id: 'id-a', partitions }]]) }
  const rereadAt = (end: bigint): bigint | undefined => {
    const merged = parseOffsets(printOffsets(mergeOffsets(base, [rangeOf('a', 0, 4n, end)], carrier)))
    return merged?.topics.get('a')?.partitions.get(0)?.rereadTo
  }
  t.strictSame([rereadAt(8n), rereadAt(9n), rereadAt(12n)], [9n, undefined, undefined])
  t.end()
})

t.test('evidence of another writer that differs is asked about, the same or none is not', t => {
  const base = recorded()
  t.strictSame(differingEvidence(base, [rangeOf('a', 0, 10n, 12n)]), [])
  t.equal(differingEvidence(base, [{ ...rangeOf('a', 0, 10n, 12n), before: 'of another log' }])[0]?.recorded, 'fp-10')
  t.strictSame(differingEvidence(base, [{ ...rangeOf('a', 0, 10n, 12n), before: '' }]), [], 'nothing to compare with')
  t.strictSame(differingEvidence(null, [rangeOf('a', 0, 10n, 12n)]), [], 'the first batch')
  t.equal(fenceBatch(base, [rangeOf('a', 0, 10n, 12n)], { clusterId: 'cluster-1', topicIds: new Map([['a', 'new']]) }).kind, 'fenced', 'a recreated topic')
  t.end()
})

function recorded (): RecordedOffsets {
  return mergeOffsets(null, [rangeOf('a', 0, 0n, 10n)], carrier)
}

function nextOf (offsets: RecordedOffsets, { topic, partition }: { topic: string, partition: number }): bigint | undefined {
  return offsets.topics.get(topic)?.partitions.get(partition)?.next
}

function same (left: ConsumedRange, right: ConsumedRange): boolean {
  return left.topic === right.topic && left.partition === right.partition
}

/** Snapshots n have id and sequence number n; `chain` is main's lineage, oldest first; `expired`: its root's parent is gone. */
function table (shape: { chain: number[], others?: number[], expired?: boolean, ours?: boolean, offsets?: RecordedOffsets }): TableMetadata {
  const snapshot = (n: number, parent: number | undefined): TableMetadata['snapshots'][number] => ({
    'snapshot-id': BigInt(n), 'sequence-number': BigInt(n), 'timestamp-ms': n, 'manifest-list': `list-${n}`,
    'summary': { 'operation': 'append', 'total-records': '7', ...shape.ours === true ? { [batchSummaryKey]: '1' } : {} },
    ...parent === undefined ? {} : { 'parent-snapshot-id': BigInt(parent) }
  })
  const { chain, others = [] } = shape
  const main = chain.at(-1)
  return {
    'format-version': 2, 'table-uuid': 'uuid-1', 'location': 'file:///x', 'last-sequence-number': 9n, 'last-updated-ms': 0, 'last-column-id': 1,
    'current-schema-id': 0, 'schemas': [], 'default-spec-id': 0, 'partition-specs': [], 'last-partition-id': 999, 'default-sort-order-id': 0, 'sort-orders': [],
    'properties': shape.offsets === undefined ? {} : { [offsetsProperty]: printOffsets(shape.offsets) },
    'current-snapshot-id': main === undefined ? -1n : BigInt(main),
    'refs': main === undefined ? {} : { main: { 'snapshot-id': BigInt(main), 'type': 'branch' } },
    'snapshots': [...chain.map((n, i) => snapshot(n, chain[i - 1] ?? (shape.expired === true ? 6 : undefined))), ...others.map(n => snapshot(n, 2))],
    'statistics': [], 'partition-statistics': [], 'snapshot-log': [], 'metadata-log': []
  }
}
