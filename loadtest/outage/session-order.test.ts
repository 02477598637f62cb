import t from 'tap'
import { DuckDBInstance } from '../../catalog/index.ts'
import { checkSessionOrder, type SessionOrder } from './session-order.ts'

type Row = [eventId: string, session: string, partition: number, offset: number]

async function orderOf (rows: readonly Row[]): Promise<SessionOrder> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  const values = rows.map(([id, session, partition, offset]) => `('${id}', '${session}', 'topic', ${partition}, ${offset}::bigint)`).join(', ')
  await connection.run(`create view rows as select * from (values ${values}) v(event_id, session_id, log_topic, log_partition, log_offset)`)
  return await checkSessionOrder(connection)
}

t.test('a session whose numbers rise with the offsets of one partition is in order, holes included', async t => {
  t.strictSame(await orderOf([['a-n0', 'a', 1, 5], ['a-n1', 'a', 1, 9], ['a-n10', 'a', 1, 10], ['b-n3', 'b', 1, 7]]), { sessions: 2, events: 4, broken: [] })
})

t.test('a later number at an earlier offset is named with its place', async t => {
  const { broken } = await orderOf([['a-n0', 'a', 1, 5], ['a-n2', 'a', 1, 6], ['a-n1', 'a', 1, 7]])
  t.strictSame(broken, ['a: number 1 at topic/1@7 comes after number 2 in partition 1'])
})

t.test('a session in two partitions is out of order whatever its numbers say', async t => {
  t.equal((await orderOf([['a-n0', 'a', 1, 5], ['a-n1', 'a', 2, 6]])).broken.length, 1)
})

t.test('a stray, which carries the number of another session, is not asked', async t => {
  t.strictSame(await orderOf([['a-n0', 'stray-a-n0', 0, 1], ['a-n1', 'a', 1, 5]]), { sessions: 1, events: 1, broken: [] })
})
