import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { applyTransform } from '../../catalog/index.ts'
import { parseModel } from '../models/model-file.ts'
import { literalOf } from './saved/parameter.ts'
import { fillSaved, parseSaved } from './saved/saved-file.ts'
import { savedFolder } from './routes/saved-route.ts'
import { openTestService } from './service.fixture.ts'

const orderColumns = [{ name: 'order_id', type: 'string' }, { name: 'amount', type: 'decimal(18, 2)' }, { name: 'updates', type: 'long' }, { name: 'ordered_at', type: 'timestamptz' }]
const bucketOf = (id: string): number => applyTransform('bucket[4]', 'string', id) as number

t.test('an order is answered by its key, from the only file that can hold it', async t => {
  const service = await openTestService(t)
  t.match(await service.get('/v1/orders/o-1'), { status: 503, json: { code: 'MODEL_NOT_BUILT' } })
  const ids = Array.from({ length: 40 }, (_, i) => `o-${i}`)
  await service.write('analytics.orders', orderColumns, [0, 1, 2, 3].map(bucket => ({
    partition: { order_id_bucket: bucket },
    select: ids.filter(id => bucketOf(id) === bucket).map(id => `select '${id}' as order_id, 12.50 as amount, 9007199254740993 as updates, timestamptz '2026-01-31 10:00:00.123456+00' as ordered_at`).join(' union all ')
  })), [{ column: 'order_id', transform: 'bucket[4]' }])
  await new Promise(resolve => setTimeout(resolve, 550))
  for (const id of ids.slice(0, 5)) {
    const reply = await service.get(`/v1/orders/${id}`)
    t.strictSame(reply.json, { order_id: id, amount: '12.50', updates: '9007199254740993', ordered_at: '2026-01-31 10:00:00.123456+00' })
    t.match(reply.headers, { 'firn-snapshots': /^analytics\.orders=\d+$/ })
  }
  t.match(await service.get('/v1/orders/o-99'), { status: 404, json: { code: 'ROW_UNKNOWN', message: /analytics\.orders has no row with order_id o-99/ } })
  for (const id of ["o-1' or '1'='1", '%00', "o-1%27--", '..%2f..%2fetc%2fpasswd', 'x'.repeat(300), '%F0%9F%A6%86']) t.equal((await service.get(`/v1/orders/${encodeURI(id).replaceAll('%25', '%')}`)).status, 404, id.slice(0, 30))
  t.match(await service.get('/v1/validated_orders/o-1'), { status: 503, json: { code: 'MODEL_NOT_BUILT' } })
})

t.test('models say what they answer and how their tables stand', async t => {
  const header = ['-- Question:  What was sold?', '-- Reads:     firn.events by order_id', '-- Unit:      key order_id', '-- Key:       order_id', '-- Owner:     sales', '-- Columns:', '--   order_id  string  The order.', 'select e.order_id from firn.events e']
  const models = [parseModel('orders', header.join('\n')), parseModel('payments', header.join('\n'))]
  const service = await openTestService(t, {}, { models, freshness: async () => [{ model: 'orders', staleMs: 90_000, goalMs: 120_000 }] })
  await service.write('analytics.orders', [{ name: 'order_id', type: 'string' }], [{ select: "select 'a' as order_id from range(3)" }])
  t.match((await service.get('/v1/models')).json, { models: [
    { name: 'orders', table: 'analytics.orders', question: 'What was sold?', owner: 'sales', unit: 'key order_id', key: ['order_id'], columns: [{ name: 'order_id', type: 'string', doc: 'The order.' }], rows: 3, age_seconds: Number, snapshot_id: /^\d+$/, staleness_seconds: 90, freshness_goal_seconds: 120 },
    { name: 'payments', rows: null, age_seconds: null, snapshot_id: null, staleness_seconds: null, freshness_goal_seconds: 300 }
  ] })
})

t.test('saved questions are asked with typed parameters', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'firn-saved-'))
  t.teardown(() => { rmSync(folder, { recursive: true }) })
  writeFileSync(join(folder, 'by_name.sql'), "-- Question: How many of a name?\n-- Result: one row\n-- Parameters: name string, least long\n\nselect count(*) as n, {{name}} as name from sales where place = {{name}} and id - {{least}} >= 0 -- {{name}}\n")
  const service = await openTestService(t, {}, { savedFolder: folder })
  await service.write('analytics.sales', [{ name: 'id', type: 'long' }, { name: 'place', type: 'string' }], [{ select: "select range as id, case when range < 2 then 'O''Neill' else 'x' end as place from range(5)" }])
  t.strictSame((await service.get('/v1/saved')).json, { queries: [{ name: 'by_name', question: 'How many of a name?', result: 'one row', parameters: [{ name: 'name', type: 'string' }, { name: 'least', type: 'long' }], path: '/v1/saved/by_name' }] })
  t.match((await service.get("/v1/saved/by_name?name=O'Neill&least=-1")).json, { rows: [['2', "O'Neill"]] })
  t.equal((await service.get('/v1/saved/by_name?name=x&least=3&format=csv')).body.toString(), 'n,name\r\n2,x\r\n')
  for (const [format, shown] of [['csv', "'=1+1"], ['csv-raw', '=1+1']] as const) {
    const answer = await service.get(`/v1/saved/by_name?name=${encodeURIComponent('=1+1')}&least=3&format=${format}`)
    t.match([answer.body.toString(), answer.headers['content-type'], answer.headers['content-disposition']], [`n,name\r\n0,${shown}\r\n`, /^text\/csv/, /\.csv"$/], format)
    t.equal((await service.ask(`select -1 as n, '=1+1' as x`, { format })).body.toString(), `n,x\r\n-1,${shown}\r\n`, format)
  }
  t.match((await service.get(`/v1/saved/by_name?least=0&name=${encodeURIComponent("x' or 1=1 -- \n; drop table sales")}`)).json, { rows: [['0', "x' or 1=1 -- \n; drop table sales"]] })
  for (const [query, reason] of [['least=1', /name is missing/], ['name=x&least=1;drop', /least=1;drop is no long/], ['name=x&least=1&other=2', /no parameter other/], ['name=x&name=y&least=1', /name/], ['name=x&least=99999999999999999999', /no long/], ['name=x&least=1&format=csv&format=json', /twice/]] as const) {
    t.match(await service.get(`/v1/saved/by_name?${query}`), { status: 400, json: { code: 'SAVED_PARAMETER', message: reason } }, query)
  }
  t.match(await service.get('/v1/saved/none'), { status: 404, json: { code: 'SAVED_UNKNOWN', message: /by_name/ } })
  t.equal((await service.get('/v1/saved/..%2f..%2fpackage')).status, 404)
})

t.test('a value becomes a literal of its type or is refused', async t => {
  const of = (type: string, value: unknown): string => literalOf('q', { name: 'p', type: type as 'string' }, value)
  t.strictSame([of('string', "a'b\\"), of('long', '-9223372036854775807'), of('int', '7'), of('double', '-1.5e3'), of('decimal', '-12.50'), of('boolean', 'true'), of('date', '2028-02-29'), of('timestamptz', '2026-01-31T12:00+02:00'), of('timestamptz', '2026-01-31')],
    ["'a''b\\'", "cast('-9223372036854775807' as bigint)", "cast('7' as integer)", "cast('-1.5e3' as double)", "cast('-12.50' as decimal(38, 18))", 'true', "date '2028-02-29'", "timestamp '2026-01-31 10:00:00.000 UTC'", "timestamp '2026-01-31 00:00:00.000 UTC'"])
  for (const [type, value] of [['string', 'a\0'], ['string', 'x'.repeat(1001)], ['string', '\ud800'], ['long', '1.5'], ['long', '0x10'], ['long', ''], ['int', '3000000000'], ['double', 'nan'], ['double', '1e999'], ['boolean', '1'], ['date', '2026-02-29'], ['date', "2026-01-31'"], ['timestamptz', 'now'], ['timestamptz', '2026-13-01'], ['string', ['a']], ['date', undefined]] as const) {
    t.throws(() => of(type, value), { code: 'SAVED_PARAMETER' }, `${type} ${String(value).slice(0, 20)}`)
  }
})

t.test('a saved file that could be misread is refused by name', async t => {
  const head = '-- Question: q\n-- Parameters: day date\n'
  t.equal(fillSaved(parseSaved('a', `${head}select {{day}} as d -- {{day}} of '{{x'\n`), new Map([['day', "date '2026-01-31'"]])), "select date '2026-01-31' as d -- {{day}} of '{{x'")
  for (const [text, reason] of [[`${head}select '{{day}}'`, /quotes/], [`${head}select 1`, /not used/], [`${head}select {{other}}, {{day}}`, /not among/], [`${head}delete from x where d = {{day}}`, /no SELECT/], ['-- Parameters: day date\nselect {{day}}', /Question/], ['-- Question: q\n-- Parameters: day moment\nselect {{day}}', /no parameter/], ['-- Question: q\n-- Parameters: format string\nselect {{format}}', /cannot be called/]] as const) {
    t.throws(() => parseSaved('a', text), { code: 'SAVED_INVALID', message: reason })
  }
})

t.test('every saved question of ours can be read', async t => {
  for (const file of existsSync(savedFolder) ? readdirSync(savedFolder).filter(file => file.endsWith('.sql')) : []) {
    t.ok(parseSaved(file.slice(0, -4), readFileSync(join(savedFolder, file), 'utf8')).question, file)
  }
})
