import t from 'tap'
import { openTestService } from './service.fixture.ts'

t.test('a question is answered as JSON and as CSV, every digit kept, with the snapshots that were read', async t => {
  const service = await openTestService(t)
  const snapshotId = await service.write('analytics.sales', [{ name: 'id', type: 'long' }, { name: 'amount', type: 'decimal(18, 2)' }, { name: 'at', type: 'timestamptz' }, { name: 'place', type: 'string' }], [
    { select: "select 9007199254740993 as id, 1.50 as amount, timestamptz '2026-01-31 10:00:00.123456+00' as at, 'Zürich, \"Mitte\"' as place" },
    { select: 'select 2 as id, null as amount, null as at, null as place' }
  ])
  const reply = await service.ask('select * from sales order by id desc')
  t.equal(reply.status, 200, reply.body.toString())
  t.match(reply.json, {
    names: ['id', 'amount', 'at', 'place'],
    types: ['BIGINT', 'DECIMAL(18,2)', 'TIMESTAMP WITH TIME ZONE', 'VARCHAR'],
    rows: [['9007199254740993', '1.50', '2026-01-31 10:00:00.123456+00', 'Zürich, "Mitte"'], ['2', null, null, null]],
    row_count: 2,
    truncated: false,
    snapshots: { 'analytics.sales': String(snapshotId) }
  })
  t.match(reply.headers, { 'content-type': /^application\/json/, 'firn-snapshots': `analytics.sales=${snapshotId}`, 'firn-rows': '2', 'firn-truncated': 'false' })
  const csv = await service.ask('select id, place from analytics.sales order by 1', {}, { accept: 'text/csv' })
  t.equal(csv.body.toString(), 'id,place\r\n2,\r\n9007199254740993,"Zürich, ""Mitte"""\r\n')
  t.match((await service.get(`/v1/queries/${csv.headers['firn-query-id']}`)).json, { state: 'done', rows: 2, truncated: false })
})
