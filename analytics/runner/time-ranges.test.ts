import fc from 'fast-check'
import t from 'tap'
import { countUnits, floorTo, mergeRanges, rangesOfUnits, rangesSql, unitUs, widenBack, widenForward } from './time-ranges.ts'

const hour = unitUs.hour
const us = (text: string): bigint => BigInt(Date.parse(text)) * 1000n

t.test('times become the hours that they lie in, neighbours one range', async t => {
  const ranges = rangesOfUnits([us('2026-01-31T10:59:59Z'), us('2026-01-31T11:00:00Z'), us('2026-01-31T14:30:00Z'), us('2026-01-31T10:00:00Z')], hour)
  t.same(ranges, [{ fromUs: us('2026-01-31T10:00:00Z'), toUs: us('2026-01-31T12:00:00Z') }, { fromUs: us('2026-01-31T14:00:00Z'), toUs: us('2026-01-31T15:00:00Z') }])
  t.equal(countUnits(ranges, hour), 3n)
  t.equal(floorTo(-1n, hour), -hour, 'also before 1970')
})

t.test('who looks back ten minutes sees the last ones of the hour before', async t => {
  const ranges = [{ fromUs: us('2026-01-31T10:00:00Z'), toUs: us('2026-01-31T11:00:00Z') }]
  t.same(widenForward(ranges, 600_000_000n, hour), [{ fromUs: us('2026-01-31T10:00:00Z'), toUs: us('2026-01-31T12:00:00Z') }], 'its rows are seen an hour later')
  t.same(widenForward(ranges, 0n, hour), ranges)
  t.same(widenBack(ranges, 600_000_000n), [{ fromUs: us('2026-01-31T09:50:00Z'), toUs: us('2026-01-31T11:00:00Z') }])
})

t.test('a time is in the merged ranges when it was in one of them', async () => {
  const range = fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: 1, max: 10 })).map(([from, length]) => ({ fromUs: BigInt(from), toUs: BigInt(from + length) }))
  fc.assert(fc.property(fc.array(range), fc.integer({ min: -60, max: 70 }), (ranges, at) => {
    const holds = (some: typeof ranges): boolean => some.some(({ fromUs, toUs }) => fromUs <= BigInt(at) && BigInt(at) < toUs)
    const merged = mergeRanges(ranges)
    return holds(merged) === holds(ranges) && merged.every(({ fromUs }, i) => i === 0 || merged[i - 1]!.toUs < fromUs)
  }), { numRuns: 300 })
})

t.test('the condition is one that files are pruned by, in the words of each engine', async t => {
  const ranges = [{ fromUs: us('2026-01-31T00:00:00Z'), toUs: us('2026-02-01T00:00:00Z') }]
  t.equal(rangesSql('"d"', true, ranges, unitUs.day), `(("d" >= date '2026-01-31' and "d" < date '2026-02-01'))`)
  t.equal(rangesSql('"h"', false, ranges, hour), `(("h" >= make_timestamptz(${ranges[0]!.fromUs}) and "h" < make_timestamptz(${ranges[0]!.toUs})))`)
  t.equal(rangesSql('"h"', false, ranges, hour, 'trino'), `(("h" >= timestamp '2026-01-31 00:00:00.000000 UTC' and "h" < timestamp '2026-02-01 00:00:00.000000 UTC'))`)
  t.equal(rangesSql('"h"', false, [], hour), 'false')
  t.match(rangesSql('"h"', false, Array.from({ length: 60 }, (_, i) => ({ fromUs: BigInt(i) * 2n * hour, toUs: (BigInt(i) * 2n + 1n) * hour })), hour), / in \(select unnest\(\[0, 7200000000, /, 'many pieces become a list')
})
