import t from 'tap'
import { addUnlisted, decideTypes, namesMax, parseUnlisted, printUnlisted, type TypesFound } from './unlisted-types.ts'

const found = (more: Partial<TypesFound>): TypesFound => ({ batch: new Map(), recorded: new Map(), known: new Set(['page_view', 'unlisted']), earned: new Set(), typesMax: 4, rowsMin: 100, ...more })
const none = new Set<string>()

t.test('a type has a partition when the table knows it, or when enough rows came of it and there is room', t => {
  const rows: [string, Partial<TypesFound>, string[], string[]][] = [
    ['known ones are not asked about', { batch: new Map([['page_view', 1]]) }, [], []],
    ['few rows are unlisted', { batch: new Map([['a', 99]]) }, [], ['a']],
    ['enough rows of one batch', { batch: new Map([['a', 100]]) }, ['a'], []],
    ['the rows of the commits before count', { batch: new Map([['a', 1], ['b', 1]]), recorded: new Map([['a', 99], ['b', 98]]) }, ['a'], ['b']],
    ['the largest get the room that is left', { batch: new Map([['a', 100], ['b', 300], ['c', 200]]) }, ['b', 'c'], ['a']],
    ['of two alike the first by name', { batch: new Map([['c', 100], ['b', 100], ['a', 100]]) }, ['a', 'b'], ['c']],
    ['no room', { batch: new Map([['a', 1000]]), typesMax: 2 }, [], ['a']],
    ['what an earlier attempt gave stays', { batch: new Map([['a', 1]]), earned: new Set(['a']) }, ['a'], []],
    ['but for room that a rival took', { batch: new Map([['a', 1]]), earned: new Set(['a']), typesMax: 2 }, [], ['a']]
  ]
  for (const [name, more, listed, unlisted] of rows) t.same(decideTypes(found(more)), { listed, unlisted }, name)
  t.end()
})

t.test('counts grow over commits and end when the type is listed', t => {
  const first = addUnlisted(new Map(), new Map([['a', 3], ['b', 1]]), none)
  const second = addUnlisted(first, new Map([['a', 4], ['c', 2]]), new Set(['b']))
  t.same([...parseUnlisted(printUnlisted(second))], [['a', 7], ['c', 2]])
  t.end()
})

t.test('made-up names never push out a type that has its share of the rows, and what is kept is bounded', t => {
  let counts = new Map<string, number>() as ReturnType<typeof parseUnlisted>
  let all = 0
  for (let commit = 0; commit < 200; commit++) {
    const added = new Map([['real', 8], ...Array.from({ length: 300 }, (_, i) => [`made_up_${commit}_${i}`, 1] as const)])
    all += 308
    counts = addUnlisted(counts, added, none)
    t.ok(counts.size <= namesMax)
  }
  t.ok(counts.get('real')! >= 200 * 8 - all / (namesMax + 1), String(counts.get('real')))
  t.end()
})

t.test('a property that somebody wrote by hand is no reason to stop', t => {
  for (const text of [undefined, '', '{', 'null', '7', '[]', '{"a":"1","b":-1,"c":1.5,"d":1e99}']) t.equal(parseUnlisted(text).size, 0, String(text))
  t.end()
})
