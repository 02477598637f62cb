// The laws of the duplicate index against the plainest possible model: a list of everything that was admitted.

import t from 'tap'
import fc from 'fast-check'
import { addAdmitted, BatchIds, findDuplicates } from './batch-ids.ts'
import { DuplicateIndex } from './duplicate-index.ts'
import { is } from './errors.ts'

const window = 100

t.test('first occurrences within the window win, in every order of batches', t => {
  const event = fc.record({ id: fc.integer({ min: 0, max: 30 }), second: fc.integer({ min: 1, max: 600 }) })
  fc.assert(fc.property(fc.array(fc.array(event, { maxLength: 60 }), { maxLength: 8 }), batches => {
    const index = new DuplicateIndex(10_000)
    const admitted: { id: number, second: number }[] = []
    for (const events of batches) {
      const ids = idsOf(events)
      const duplicates = findDuplicates(ids, index, window)
      const expected = events.flatMap((event, i) => {
        if (admitted.some(other => other.id === event.id && Math.abs(other.second - event.second) <= window)) return [i]
        admitted.push(event)
        return []
      })
      if (expected.join() !== [...duplicates].join()) return false
      addAdmitted(ids, duplicates, index)
    }
    return index.size === new Set(admitted.map(({ id, second }) => `${id}/${second}`)).size
  }), { numRuns: 300 })
  t.end()
})

t.test('nothing enters the index before its commit landed', t => {
  const index = new DuplicateIndex(1000)
  const ids = idsOf([{ id: 1, second: 5 }, { id: 2, second: 5 }])
  findDuplicates(ids, index, window)
  t.equal(index.size, 0)
  t.equal(findDuplicates(ids, index, window).length, 0, 'the batch can be tried again')
  t.end()
})

t.test('ids are found after growth, old ones leave, the bound holds', t => {
  const index = new DuplicateIndex(200_000)
  const many = Array.from({ length: 150_000 }, (_, id) => ({ id, second: 1 + id }))
  addAdmitted(idsOf(many), new Uint32Array(0), index)
  t.equal(index.size, 150_000)
  t.equal(findDuplicates(idsOf(many), index, window).length, 150_000)
  t.throws(() => { index.reserve(60_000) }, 'over the bound with nothing to forget')
  try { index.reserve(60_000) } catch (error) { t.ok(is(error, 'WRITER_INDEX_FULL')) }
  index.evictBelow = 100_000
  index.reserve(60_000)
  t.equal(index.size, 50_001)
  t.equal(findDuplicates(idsOf(many.slice(99_999)), index, window).length, 50_001)
  t.ok(index.bytes < 50_001 * 40, 'memory follows')
  t.end()
})

function idsOf (events: readonly { id: number, second: number }[]): BatchIds {
  const ids = new BatchIds(events.length)
  ids.count = events.length
  events.forEach(({ id, second }, i) => {
    ids.hashes.set([Math.imul(id + 1, 0x9e3779b1) >>> 0, Math.imul(id + 1, 0x85ebca6b) >>> 0, Math.imul(id + 1, 0xc2b2ae35) >>> 0], i * 3)
    ids.seconds[i] = second
    ids.rows[i] = i
  })
  return ids
}
