import t from 'tap'
import type { LoadedTable } from '../catalog/index.ts'
import { lagOf, untilDrained } from './drained.ts'

const topics = ['ecommerce_events']
const logOf = (ends: Array<[number, bigint]>): Parameters<typeof lagOf>[1] => ({
  identity: async () => ({ clusterId: 'c', topicIds: new Map([['ecommerce_events', 't']]) }),
  ranges: async () => ({ first: new Map(ends.map(([partition]) => [partition, 2n])), end: new Map(ends) })
})
const tableAt = (next: () => number): Parameters<typeof lagOf>[0] => ({
  loadTable: async () => {
    const record = { v: 1, 'table-uuid': 'u', snap: '1', 'snap-seq': '1', log: { cluster: 'c', topics: { ecommerce_events: { id: 't', p: { 0: { start: '2', next: String(next()) } } } } } }
    return { metadata: { properties: { 'firn.offsets': JSON.stringify(record) } } } as unknown as LoadedTable
  }
})

t.test('the lag is what the log holds beyond the recorded offsets, from the start of a partition that nobody has taken yet', async t => {
  t.equal(await lagOf(tableAt(() => 10), logOf([[0, 10n]]), topics), 0n)
  t.equal(await lagOf(tableAt(() => 10), logOf([[0, 25n], [1, 5n]]), topics), 18n)
})

t.test('drained is when nothing waits, however long the writer takes while it moves', async t => {
  let next = 8
  const lags: bigint[] = []
  await untilDrained({ catalog: tableAt(() => ++next), log: logOf([[0, 10n]]), topics, stillSecondsMax: 1, onLag: lag => lags.push(lag) })
  t.strictSame(lags, [1n, 0n])
})

t.test('a writer that stands still ends the wait with what is left', async t => {
  await t.rejects(untilDrained({ catalog: tableAt(() => 7), log: logOf([[0, 10n]]), topics, stillSecondsMax: 0.6 }), { code: 'LOADTEST_NOT_DRAINED', message: /^3 records/ })
})
