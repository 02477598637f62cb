import t from 'tap'
import { KeyCounts } from './key-counts.ts'
import { UnderWay } from './under-way.ts'

t.test('the oldest without an answer is found in whatever order answers come, and what is in doubt comes out in the order of sending', async t => {
  const under = new UnderWay<{ name: number, underWay: boolean }>()
  const sent = Array.from({ length: 5000 }, (_, name) => ({ name, underWay: true }))
  for (const append of sent) under.push(append)
  for (const append of sent) {
    if (append.name % 1000 === 999) continue
    append.underWay = false
    under.letGo()
  }
  t.equal(under.oldest?.name, 999)
  sent[999]!.underWay = false
  t.equal(under.oldest?.name, 1999)
  t.same(under.takeAll().map(({ name }) => name), [1999, 2999, 3999, 4999])
  t.equal(under.oldest, undefined)
})

t.test('keys are told apart up to a bound, and from there on each key counts until all are gone', async t => {
  const keys = new KeyCounts(2)
  for (const key of ['a', 'a', 'b']) keys.add(key)
  keys.remove('a')
  t.same(['a', 'b', 'c'].map(key => keys.has(key)), [true, true, false])
  keys.remove('a')
  t.equal(keys.has('a'), false)
  for (const key of ['a', 'c']) keys.add(key)
  t.same([keys.isAll, keys.has('never seen')], [true, true])
  keys.clear()
  t.same([keys.isAll, keys.has('a')], [false, false])
})
