import type { DuckDBConnection } from '@duckdb/node-api'
import { DuckDBInstance } from '../../catalog/index.ts'
import t from 'tap'
import { checkConservation } from './conservation.ts'
import type { PartitionRecord } from './progress-record.ts'

const day = 86_400_000
type Row = [id: string, partition: number, offset: number, atMs?: number]
type Letter = [reason: string, id: string | null, partition: number, offset: number]

async function ask (rows: Row[], letters: Letter[] = [], claimed: Array<[number, bigint, bigint]> = [[0, 0n, 3n]]): Promise<{ broken: string[], gaps: string[] }> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run("set TimeZone = 'UTC'")
  await connection.run('create table landed (event_id varchar, seen_at timestamptz, topic varchar, part int, off bigint); create table letters (reason varchar, event_id varchar, topic varchar, part int, off bigint)')
  await insert(connection, 'landed', rows.map(([id, part, off, atMs = 0]) => `('${id}', to_timestamp(${atMs} / 1000), 'x', ${part}, ${off})`))
  await insert(connection, 'letters', letters.map(([reason, id, part, off]) => `('${reason}', ${id === null ? 'null' : `'${id}'`}, 'x', ${part}, ${off})`))
  const partitions = claimed.map(([partition, start, next]): PartitionRecord => ({ topic: 'x', partition, start, next }))
  const { findings, gaps } = await checkConservation(connection, partitions, 7)
  connection.closeSync()
  return { broken: findings.filter(f => !f.kept).map(f => `${f.promise}: ${f.examples.join(' ')}`), gaps: gaps.map(g => `${g.partition}@${g.from}-${g.to}`) }
}

async function insert (connection: DuckDBConnection, table: string, values: string[]): Promise<void> {
  if (values.length > 0) await connection.run(`insert into ${table} values ${values.join(', ')}`)
}

t.test('rows and dead letters that cover every offset once are conserved', async t => {
  t.strictSame(await ask([['a', 0, 0], ['b', 0, 2]], [['EVENT_INVALID', null, 0, 1]]), { broken: [], gaps: [] })
  t.strictSame(await ask([], [], []), { broken: [], gaps: [] })
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
  t.strictSame(await ask([['a', 0, 0], ['b', 0, 1], ['c', 0, 2], ['by hand', -1, 0], ['by hand too', -1, 0]]), { broken: [], gaps: [] })
  t.match((await ask([['a', 0, 0], ['b', 0, 1], ['by hand', -1, 2]])).gaps, ['0@2-3'], 'they stand for no offset')
  t.match((await ask([['a', 0, 0], ['b', 0, 1], ['c', 0, 2], ['by hand', 0, 7]])).broken, [/outside.*x\/0@7/])
  t.match((await ask([['a', 0, 0], ['b', 0, 1], ['c', 0, 2], ['a', -1, 0]])).broken, [/two rows.*a/], 'their ids count')
})
