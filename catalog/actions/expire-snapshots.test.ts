import t from 'tap'
import fc from 'fast-check'
import { printJson } from '../spec/json.ts'
import type { Snapshot, TableMetadata } from '../spec/types.ts'
import { planExpiry } from './expire-snapshots.ts'

const now = 1_800_000_000_000
const minute = 60_000

function table(ages: number[], refs: Record<string, number> = {}, properties: Record<string, string> = {}): TableMetadata {
  const snapshots = ages.map((age, index): Snapshot => ({ 'snapshot-id': BigInt(index), 'sequence-number': BigInt(index), 'timestamp-ms': now - age, 'manifest-list': `file:///list-${index}-${'x'.repeat(100)}`, 'summary': { operation: 'append' } }))
  const main = snapshots.length - 1
  return {
    'snapshots': snapshots, 'properties': properties, 'metadata-log': [], 'current-snapshot-id': BigInt(main),
    'refs': Object.fromEntries(Object.entries({ main, ...refs }).map(([name, id]) => [name, { 'snapshot-id': BigInt(id), 'type': 'branch' }]))
  } as unknown as TableMetadata
}

t.test('all of the last 30 minutes stay, then one an hour, then none', async t => {
  const ages = [8 * 1_440 * minute, 200 * minute, 199 * minute, 31 * minute, 29 * minute, 1]
  // now is at 8:00 of its hour: the snapshots of 200 and 199 minutes ago share one, that of 31 minutes ago is the last of its own.
  const metadata = table(ages)
  const expired = planExpiry(metadata, {}, now)
  t.ok(expired.includes(0n), 'older than 7 days')
  t.ok(expired.includes(1n), 'not the last of its hour')
  for (const kept of [2n, 4n, 5n]) t.notOk(expired.includes(kept))
})

t.test('whatever a ref, a caller or main names stays, however old', async t => {
  const old = 30 * 1_440 * minute
  const metadata = table([old, old, old, old], { tag: 1 })
  t.same(planExpiry(metadata, { keepIds: [2n] }, now), [0n])
  t.same(planExpiry(table([old, old], {}, { 'gc.enabled': 'false' }), {}, now), [])
})

t.test('metadata stays under its bound, and main and named snapshots are never given up for it', async () => {
  fc.assert(fc.property(fc.array(fc.nat(20 * minute), { minLength: 50, maxLength: 300 }), ages => {
    const metadata = table(ages.toSorted((a, b) => b - a), { tag: 3 })
    const expired = new Set(planExpiry(metadata, { metadataBytesMax: 60_000, keepIds: [5n] }, now))
    const left = metadata.snapshots.filter(snapshot => !expired.has(snapshot['snapshot-id']))
    const named = [3n, 5n, metadata['current-snapshot-id']].every(id => !expired.has(id))
    return named && (left.reduce((sum, snapshot) => sum + printJson(snapshot).length + 70, 40_000) <= 60_000 || left.length < 20)
  }), { numRuns: 50 })
})
