import t from 'tap'
import { parseModel } from './model-file.ts'
import { renderModel } from './render.ts'

const header = `-- Question:  How much was sold in each hour?
-- Reads:     firn.events(order_created, order_cancelled) by event_time with 10 minutes before
--            analytics.regions
-- Unit:      hour
-- Time:      hour
-- Key:       hour, currency
-- Partition: day(hour), bucket(8, currency)
-- Sort:      hour
-- Lateness:  10 minutes
-- Owner:     sales
-- Columns:
--   hour      timestamptz    The hour, in UTC.
--   currency  string         ISO 4217 code.
`
const select = `with sold as (select * from firn.events e)
select date_trunc('hour', s.event_time) as hour, s.currency from sold s join analytics.regions r on r.region = s.region where s.event_time < {{watermark}}`

t.test('a header says what to read, how to cut it and what comes out', async t => {
  const model = parseModel('hourly_sales', header + select)
  t.match(model, {
    name: 'hourly_sales', kind: 'model', unit: { kind: 'hour' }, time: 'hour', key: ['hour', 'currency'], latenessMs: 600_000, sort: ['hour'],
    partition: [{ transform: 'day', column: 'hour' }, { transform: 'bucket', count: 8, column: 'currency' }],
    reads: [{ table: 'firn.events', eventTypes: ['order_created', 'order_cancelled'], by: 'event_time', beforeMs: 600_000 }, { table: 'analytics.regions', eventTypes: null, by: null, beforeMs: 0 }],
    columns: [{ name: 'hour', type: 'timestamptz', doc: 'The hour, in UTC.' }, { name: 'currency', type: 'string' }]
  })
})

t.test('the digest changes with what the rows depend on, and with nothing else', async t => {
  const { digest } = parseModel('m', header + select)
  t.equal(parseModel('m', header.replace('How much', 'What') + '-- why\n' + select.replace('where ', 'where   ')).digest, digest)
  t.not(parseModel('m', header + select.replace('<', '<=')).digest, digest)
  t.not(parseModel('m', header.replace('10 minutes before', '20 minutes before') + select).digest, digest)
})

t.test('sources and the watermark are put in, and every column gets its declared type', async t => {
  const model = parseModel('hourly_sales', header + select)
  const sql = renderModel(model, 'trino', new Date('2026-01-31T12:00:00Z'), ({ table }) => `(select 1 from ${table})`)
  t.match(sql, 'cast(hour as timestamp(6) with time zone) as hour, cast(currency as varchar) as currency')
  t.match(sql, 'from (select 1 from firn.events) e)')
  t.match(sql, 'join (select 1 from analytics.regions) r on')
  t.match(sql, "< timestamp '2026-01-31 12:00:00.000 UTC'")
})

t.test('what could not equal a full recompute is refused with what to mend', async t => {
  const refused = (text: string, reason: RegExp): void => { t.throws(() => parseModel('m', text), { code: 'MODEL_INVALID', message: reason }) }
  refused(header + select.replace('{{watermark}}', 'now()'), /now differs from run to run: use \{\{watermark\}\}/)
  refused(header + select + '; drop table x', /more than one statement/)
  refused(header + 'delete from x', /no SELECT/)
  refused(header + select.replace('join analytics.regions r', 'join analytics.stock r'), /reads analytics.stock, which "Reads:" does not name/)
  refused(header + select.replace('join analytics.regions r on r.region = s.region', ''), /names analytics.regions, which it does not read/)
  refused(header + select.replace('firn.events e', 'firn.events'), /firn.events needs an alias/)
  refused(header.replace('-- Owner:     sales\n', '') + select, /no "Owner:" line/)
  refused(header.replace('Owner:', 'Boss:') + select, /unknown line "Boss:"/)
  refused(header.replace('-- Time:      hour\n', '') + select, /needs a "Time:" line/)
  refused(header.replace('hour, currency', 'hour, region') + select, /region is not among its columns/)
  refused(header.replace('string  ', 'text    ') + select, /column currency has the type text/)
  refused(header.replace('Unit:      hour', 'Unit:      week') + select, /its unit is "week"/)
  refused(header.replace(' by event_time with 10 minutes before', '') + select, /none of its sources says/)
  t.throws(() => parseModel('Bad-Name', header + select), { code: 'MODEL_INVALID' })
})
