import t from 'tap'
import { judgeOwnership, ownerOf, ownersSince, type Taken } from './owners.ts'

const taken = (sequence: number, owner: string, partition: number, start: number, end: number): Taken => ({ sequence: BigInt(sequence), owner, topic: 't', partition, start: BigInt(start), end: BigInt(end) })
const epochs = [{ name: 'at the start', upTo: 2n, changes: 1 }, { name: 'after b came', upTo: 9n, changes: 1 }]

t.test('ranges that tile under one owner after the other are in order', async t => {
  const ranges = [taken(1, 'a', 0, 0, 10), taken(2, 'a', 1, 0, 5), taken(3, 'a', 0, 10, 12), taken(4, 'b', 0, 12, 20)]
  const { broken, restless, handovers, owners } = judgeOwnership(ranges, epochs)
  t.strictSame({ broken, restless, handovers, owners: [...owners] }, { broken: [], restless: [], handovers: 1, owners: ['a', 'b'] })
})

t.test('an overlap and a gap are named with both owners', async t => {
  const { broken } = judgeOwnership([taken(1, 'a', 0, 0, 10), taken(3, 'b', 0, 8, 20), taken(4, 'b', 0, 21, 22)], epochs)
  t.strictSame(broken, ['t/0: b took 8…20 after a took 0…10', 't/0: b took 21…22 after b took 8…20'])
})

t.test('a partition that goes to and fro while nobody came or went has two owners at a time', async t => {
  const ranges = [taken(1, 'a', 0, 0, 1), taken(3, 'b', 0, 1, 2), taken(4, 'a', 0, 2, 3), taken(10, 'a', 0, 3, 4), taken(11, 'b', 0, 4, 5)]
  t.strictSame(judgeOwnership(ranges, epochs).restless, [
    't/0 changed hands 2 times after b came, 1 at most: a → b, b → a',
    't/0 changed hands 1 times after the last change, 0 at most: a → b'
  ])
})

t.test('the owner of an offset is who committed it, the newest owner who committed last', async t => {
  const ranges = [taken(1, 'a', 0, 0, 10), taken(3, 'b', 0, 10, 20)]
  t.equal(ownerOf(ranges, 't', 0, 9n), 'a')
  t.equal(ownerOf(ranges, 't', 0, 10n), 'b')
  t.equal(ownerOf(ranges, 't', 0, 20n), undefined)
  t.strictSame([...ownersSince(ranges, 1n)], [['t/0', 'b']])
})
