import t from 'tap'
import { checkConservation, findGaps } from './conservation.ts'
import { openJudgingEngine } from './judging-engine.ts'
import { readHistory, type ReadingHistory } from './reading-history.ts'
import type { PartitionRecord, ProgressRecord } from './progress-record.ts'
import { addLetters, addRows, createRaw } from './taken-rows.ts'

const day = 86_400_000
type Row = [id: string, partition: number, offset: number, atMs?: number, committedMs?: number]
type Letter = [reason: string, id: string | null, partition: number, offset: number, committedMs?: number]
interface Found { broken: string[], unsure: string[], gaps: string[] }

const recordOf = (claimed: readonly [number, bigint, bigint][]): ProgressRecord => ({
  tableUuid: 'u',
  snapshotId: 1n,
  clusterId: 'now',
  topicIds: new Map([['x', 'x1']]),
  partitions: claimed.map(([partition, start, next]): PartitionRecord => ({ topic: 'x', partition, start, next, fingerprint: '' }))
})

async function ask (rows: Row[], letters: Letter[] = [], claimed: [number, bigint, bigint][] = [[0, 0n, 3n]], decisions?: string): Promise<Found> {
  return await judge(rows, letters, readHistory('firn.events', recordOf(claimed), decisions))
}

async function judge (rows: Row[], letters: Letter[], history: ReadingHistory): Promise<Found> {
  const engine = await openJudgingEngine(128)
  const { connection } = engine
  await createRaw(connection, history.claims)
  const time = (ms: number): string => `make_timestamptz(${ms * 1000})`
  const text = (id: string | null): string => id === null ? 'null::varchar' : `'${id}'`
  const rowValues = rows.map(([id, part, off, atMs = 0, committedMs = atMs]) => `(${text(id)}, ${time(atMs)}, ${time(committedMs)}, 'x', ${part}, ${off}::bigint, false)`)
  const letterValues = letters.map(([reason, id, part, off, committedMs = 0]) => `('${reason}', ${text(id)}, ${time(committedMs)}, 'x', ${part}, ${off}::bigint)`)
  if (rows.length > 0) await addRows(connection, `(values ${rowValues.join(', ')}) v(event_id, received_at, committed_at, log_topic, log_partition, log_offset, gone)`.replace(/^/, '(select * from ') + ')')
  if (letters.length > 0) await addLetters(connection, `(select * from (values ${letterValues.join(', ')}) v(reason, event_id, committed_at, log_topic, log_partition, log_offset))`)
  const ids = rows.map(([id]) => id)
  const findings = await checkConservation(connection, history, 7, async () => ids.filter((id, i) => ids.indexOf(id) !== i))
  const gaps: string[] = []
  for await (const page of findGaps(connection)) for (const { partition, from, to } of page) gaps.push(`${partition}@${from}-${to}`)
  engine.close()
  const said = (some: typeof findings): string[] => some.map(f => `${f.promise}: ${f.examples.join(' ')}`)
  return { broken: said(findings.filter(f => !f.kept)), unsure: said(findings.filter(f => f.unproven)), gaps }
}

const log = (cluster: string, id: string): object => ({ cluster, topics: { x: id } })
const decided = (choice: string, atMs: number, from: bigint | null, to: bigint, before: object | null = log('now', 'x1'), after: object = log('now', 'x1')): object =>
  ({ at: new Date(atMs).toISOString(), choice, reason: 'a test', writer: 'w', log: after, before, partitions: [{ topic: 'x', partition: 0, from: from === null ? null : String(from), to: String(to), first: '0', end: '9' }] })
const decisionsOf = (list: object[], folded = 0): string => JSON.stringify({ v: 1, folded, list })

t.test('rows and dead letters that cover every offset once are conserved', async t => {
  t.strictSame(await ask([['a', 0, 0], ['b', 0, 2]], [['EVENT_INVALID', null, 0, 1]]), { broken: [], unsure: [], gaps: [] })
  t.strictSame(await ask([], [], []), { broken: [], unsure: [], gaps: [] })
})

t.test('an offset that is neither is a gap, at the start, in the middle and at the end', async t => {
  t.strictSame((await ask([['a', 0, 1]])).gaps, ['0@0-1', '0@2-3'])
  t.strictSame((await ask([['a', 0, 0], ['b', 0, 2]])).gaps, ['0@1-2'])
  t.strictSame((await ask([])).gaps, ['0@0-3'])
  t.strictSame((await ask([['a', 1, 5]], [], [[0, 0n, 0n], [1, 5n, 7n]])).gaps, ['1@6-7'])
})

t.test('one offset as two rows, or as a row and a letter, is found', async t => {
  t.match((await ask([['a', 0, 0], ['b', 0, 0], ['c', 0, 1], ['d', 0, 2]])).broken, [/taken twice: x\/0@0 2 times/])
  t.match((await ask([['a', 0, 0], ['b', 0, 1], ['c', 0, 2]], [['EVENT_INVALID', 'a', 0, 0]])).broken, [/taken twice/])
})

t.test('a row ahead of the recorded offset is found, a letter ahead of it is not judged yet', async t => {
  t.match((await ask([['a', 0, 0], ['b', 0, 1], ['c', 0, 2], ['d', 0, 3]])).broken, [/outside.*x\/0@3/])
  t.match((await ask([['a', 0, 0], ['b', 0, 1], ['c', 0, 2], ['d', 9, 0]])).broken, [/outside.*x\/9@0/])
  t.strictSame((await ask([['a', 0, 0], ['b', 0, 1], ['c', 0, 2]], [['EVENT_INVALID', null, 0, 3]])).broken, [])
})

t.test('an event_id twice within seven days is found, eight days apart it is another event', async t => {
  t.match((await ask([['a', 0, 0, 0], ['a', 0, 1, 7 * day], ['b', 0, 2]])).broken, [/two rows.*a/])
  t.strictSame((await ask([['a', 0, 0, 0], ['a', 0, 1, 8 * day], ['b', 0, 2]])).broken, [])
})

t.test('a re-read that an operator asked for leaves duplicate letters beside their own rows', async t => {
  t.strictSame((await ask([['a', 0, 0], ['b', 0, 1], ['c', 0, 2]], [['duplicate', 'a', 0, 0]])).broken, [])
  t.match((await ask([['a', 0, 0], ['b', 0, 1], ['c', 0, 2]], [['duplicate', 'z', 0, 0]])).broken, [/taken twice/])
})

t.test('rows that others inserted are counted apart when they claim no place in the log, and found when they claim one', async t => {
  t.strictSame(await ask([['a', 0, 0], ['b', 0, 1], ['c', 0, 2], ['by hand', -1, 0], ['by hand too', -1, 0]]), { broken: [], unsure: [], gaps: [] })
  t.match((await ask([['a', 0, 0], ['b', 0, 1], ['by hand', -1, 2]])).gaps, ['0@2-3'], 'they stand for no offset')
  t.match((await ask([['a', 0, 0], ['b', 0, 1], ['c', 0, 2], ['by hand', 0, 7]])).broken, [/outside.*x\/0@7/])
  t.match((await ask([['a', 0, 0], ['b', 0, 1], ['c', 0, 2], ['a', -1, 0]])).broken, [/two rows.*a/], 'their ids count')
})

t.test('a log that took the place of another has rows at the same offsets, and each log is judged by itself', async t => {
  const fromNew = decisionsOf([decided('earliest', 1000, 3n, 0n, log('old', 'o1'))])
  const old: Row[] = [['a', 0, 0, 10], ['b', 0, 1, 10], ['c', 0, 2, 10]]
  const rows: Row[] = [...old, ['d', 0, 0, 2000], ['e', 0, 1, 2000]]
  t.strictSame(await ask(rows, [], [[0, 0n, 2n]], fromNew), { broken: [], unsure: [], gaps: [] })
  t.match((await ask([...rows, ['f', 0, 1, 2000]], [], [[0, 0n, 2n]], fromNew)).broken, [/taken twice: x\/0@1 2 times/], 'twice in the new log')
  t.match((await ask([...rows, ['f', 0, 1, 20]], [], [[0, 0n, 2n]], fromNew)).broken, [/taken twice/], 'twice in the old one')
  t.strictSame((await ask(rows.slice(0, -1), [], [[0, 0n, 2n]], fromNew)).gaps, ['0@1-2'], 'missing in the new log')
  t.strictSame((await ask(rows.filter(([id]) => id !== 'b'), [], [[0, 0n, 2n]], fromNew)).gaps, ['0@1-2'], 'missing in the old one')
  t.match((await ask([...rows, ['g', 0, 2, 2000]], [], [[0, 0n, 2n]], fromNew)).broken, [/outside.*x\/0@2/], 'ahead in the new one')
})

t.test('what a decision has read again is there once as rows, and beside them as duplicates or new rows', async t => {
  const again = decisionsOf([decided('earliest', 1000, 3n, 0n)])
  const rows: Row[] = [['a', 0, 0, 10], ['b', 0, 1, 10], ['c', 0, 2, 10]]
  const duplicates: Letter[] = [['duplicate', 'a', 0, 0, 2000], ['duplicate', 'b', 0, 1, 2000], ['duplicate', 'c', 0, 2, 2000]]
  t.strictSame(await ask(rows, duplicates, [[0, 0n, 3n]], again), { broken: [], unsure: [], gaps: [] })
  t.strictSame(await ask([...rows.slice(0, 1), ['x', 0, 1, 2000], ['y', 0, 2, 2000]], duplicates.slice(0, 1), [[0, 0n, 3n]], again), { broken: [], unsure: [], gaps: [] },
    'a restored log that grew anew has other records at the same offsets, and rows that a rollback took away are written again')
  t.strictSame((await ask(rows, duplicates.slice(0, 2), [[0, 0n, 3n]], again)).gaps, ['0@2-3'], 'each offset that is read again is due again')
  t.strictSame((await ask(rows, [], [[0, 0n, 1n]], again)).gaps, ['0@0-1'])
  const twice = decisionsOf([decided('earliest', 1000, 3n, 0n), decided('earliest', 3000, 3n, 0n)])
  t.strictSame(await ask(rows, [...duplicates, ...duplicates.map(([reason, id, part, off]): Letter => [reason, id, part, off, 4000])], [[0, 0n, 3n]], twice), { broken: [], unsure: [], gaps: [] })
})

t.test('where older decisions are no longer listed, doubles from before the first one are not called broken, nor proven', async t => {
  const rows: Row[] = [['a', 0, 0, 10], ['b', 0, 0, 20], ['c', 0, 1, 2000], ['d', 0, 2, 2000]]
  const listed = [decided('recorded', 1000, 1n, 1n)]
  t.match(await ask(rows, [], [[0, 0n, 3n]], decisionsOf(listed, 7)), { broken: [], unsure: [/taken twice: x\/0@0 2 times/] })
  t.match(await ask(rows, [], [[0, 0n, 3n]], decisionsOf(listed)), { broken: [/taken twice/], unsure: [] })
  t.match((await ask([...rows, ['e', 0, 2, 2000]], [], [[0, 0n, 3n]], decisionsOf(listed, 7))).broken, [/taken twice/])
})

t.test('a table whose record was lost once may have rows of any offset from before', async t => {
  const lost = decisionsOf([decided('data', 1000, null, 5n, null)])
  t.strictSame(await ask([['a', 0, 3, 10], ['b', 0, 4, 10], ['c', 0, 5, 2000]], [], [[0, 5n, 6n]], lost), { broken: [], unsure: [], gaps: [] })
})

t.test('decisions that cannot be read are an error, for they say what the rows mean', async t => {
  await t.rejects(ask([], [], [[0, 0n, 0n]], '{'), { code: 'VERIFY_DECISIONS_UNREADABLE' })
  await t.rejects(ask([], [], [[0, 0n, 0n]], '{"v":2,"list":[]}'), { message: /format is 2/ })
})
