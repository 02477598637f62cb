import t from 'tap'
import { parseModel } from '../../models/model-file.ts'
import { findFaults, type TableFacts } from './findings.ts'

const model = parseModel('sales', `-- Question:  How much?
-- Reads:     firn.events by event_time
-- Unit:      day
-- Time:      day
-- Key:       day, currency
-- Owner:     sales
-- Columns:
--   day       date           The day.
--   currency  string         The currency.
--   revenue   decimal(38,2)  The sum.
select cast(e.event_time as date) as day, e.currency, sum(e.amount) as revenue from firn.events e group by 1, 2`)

const columns = [{ name: 'day', type: 'date' }, { name: 'currency', type: 'string' }, { name: 'revenue', type: 'decimal(38, 2)' }]
const fine: TableFacts = { columns, rows: 9, dayRows: 2, sourceRows: 20, sourceDayRows: 5, dayKeys: null, keysTwice: 0, keysEmpty: 0 }
const faults = (facts: Partial<TableFacts>, mayBeEmpty = false) => findFaults(model, '2026-01-31', { ...fine, ...facts }, mayBeEmpty)

t.test('a table as its file says it has no fault, columns of an earlier version are none', async t => {
  t.strictSame(faults({}), [])
  t.strictSame(faults({ columns: [...columns, { name: 'old', type: 'string' }] }), [])
})

t.test('each fault is a sentence with the table and what is wrong', async t => {
  t.match(faults({ columns: null }), ['analytics.sales is not there: npm run models -- --run makes it'])
  t.match(faults({ columns: columns.slice(0, 2) }), ['analytics.sales: column revenue is missing'])
  t.match(faults({ columns: [...columns.slice(0, 2), { name: 'revenue', type: 'decimal(18, 2)' }] }), ['analytics.sales: column revenue has the type decimal(18, 2), its file says decimal(38,2)'])
  t.match(faults({ rows: 0, dayRows: 0 }), ['analytics.sales has no rows'])
  t.match(faults({ dayRows: 0 }), ['analytics.sales has no row for 2026-01-31 (of 9)'])
  t.match(faults({ keysTwice: 3 }), ['analytics.sales: 3 values of its key (day, currency) stand there more than once'])
  t.match(faults({ keysEmpty: 1 }), ['analytics.sales: 1 rows have no day, currency'])
})

t.test('a model without rows is no fault where its sources have none: a shop without customer events, a day without orders', async t => {
  t.strictSame(faults({ rows: 0, dayRows: 0, sourceRows: 0, sourceDayRows: 0 }), [])
  t.strictSame(faults({ dayRows: 0, sourceDayRows: 0 }), [])
  t.match(faults({ rows: 0, dayRows: 0, sourceRows: 20, sourceDayRows: 0 }), ['analytics.sales has no rows'])
  t.equal(faults({ dayRows: 0, sourceDayRows: 1 }).length, 1)
  t.equal(faults({ rows: 0, dayRows: 0, sourceRows: null, sourceDayRows: null }).length, 1, 'what is not known counts as there')
})

t.test('a model by keys has those that the day\'s rows name, whatever the time of its own rows', async t => {
  const byKey = { ...model, unit: { kind: 'key', column: 'currency' } } as const
  const faultsOf = (facts: Partial<TableFacts>): string[] => findFaults(byKey, '2026-01-31', { ...fine, ...facts }, false)
  t.strictSame(faultsOf({ dayRows: 0, sourceDayRows: 4, dayKeys: 4 }), [], 'they have been there for long')
  t.strictSame(faultsOf({ dayRows: 0, sourceDayRows: 0, dayKeys: 0 }), [])
  t.strictSame(faultsOf({ dayRows: 2, sourceDayRows: 4, dayKeys: 0 }), ['analytics.sales has no row for any of 4 values of currency of 2026-01-31 (of 9)'])
})

t.test('a rule may find nothing; its keys count all the same', async t => {
  t.strictSame(faults({ rows: 0, dayRows: 0 }, true), [])
  t.equal(faults({ rows: 0, dayRows: 0, keysTwice: 1 }, true).length, 1)
})
