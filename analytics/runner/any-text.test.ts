// Keys and partitions of any text: a table of a model stays what a full recompute gives, whatever its texts begin with. A text
// that was changed on its way (a byte order mark that was dropped) made tables stale without a word: the files that hold the
// key were ruled out by bounds that belonged to another text.

import fc from 'fast-check'
import t from 'tap'
import { scanFiles } from '../../catalog/index.ts'
import { parseModel } from '../models/model-file.ts'
import { openRunner } from './runner.ts'
import { openTestLake, type EventRow } from './test-lake.ts'

const spent = parseModel('spent', `-- Question:  How much did each customer spend?
-- Reads:     firn.events(order_created) by customer_id
-- Unit:      key customer_id
-- Key:       customer_id
-- Partition: customer_id
-- Owner:     test
-- Columns:
--   customer_id string         Who.
--   orders      long           How many.
select e.customer_id, count(*) as orders from firn.events e where e.customer_id is not null group by e.customer_id
`)
const paired = parseModel('paired', `-- Question:  How much did each customer spend in each region?
-- Reads:     firn.events(order_created) by customer_id
-- Unit:      key customer_id
-- Key:       customer_id, region
-- Partition: customer_id, region
-- Owner:     test
-- Columns:
--   customer_id string         Who.
--   region      string         Where.
--   orders      long           How many.
select e.customer_id, e.region, count(*) as orders from firn.events e where e.customer_id is not null group by e.customer_id, e.region
`)

const named = ['', '\0', 'a\0b', '\0\0', ' ', '\ufeff', '\ufeffu-1', 'u-1', '\ufeff\ufeffu-1', '\ufffd', '\ufffe', '\uffff', '\u202eu', 'e\u0301', '\u00e9', '\u{10ffff}', '𝄞'.repeat(17), '\u2028', '\u0085', '\v', '\f', '..', '.', 'a/b', 'a%2Fb', '%', '*', '[a]', '?', '"', '\'', 'null', '\\', 'a=b', 'a+b', 'a b', '\ud7ff', '\ue000', '\u007f']
const texts = [...new Set([...named, ...fc.sample(fc.string({ unit: 'binary', maxLength: 20 }), { numRuns: 10, seed: 11 })])]

t.test('a model that is keyed and partitioned by any text follows its source', { timeout: 120_000 }, async t => {
  const lake = await openTestLake(t)
  const runner = openRunner({ ...lake, engine: null, models: [spent, paired] })
  t.teardown(async () => { await runner.close() })
  let n = 0
  const order = (customer_id: string, region: string | null = null): EventRow =>
    ({ event_id: `e${n++}`, event_type: 'order_created', event_time: '2026-03-01T10:00:00Z', received_at: '2026-03-01T10:00:00Z', log_offset: n, customer_id, region })
  await lake.append(texts.map(text => order(text)))
  t.strictSame((await runner.cycle({ minute: true })).map(({ outcome }) => outcome), ['written', 'written'])
  await lake.append(texts.map((text, i) => order(text, texts[(i + 7) % texts.length])))
  t.strictSame((await runner.cycle({ minute: true })).map(({ outcome }) => outcome), ['written', 'written'])
  await lake.append([order('\ufeffu-1', '\ufeffeurope')])
  t.match(await runner.cycle({ minute: true }), [{ outcome: 'written', dirtyUnits: 1 }, { outcome: 'written', dirtyUnits: 1 }])
  for (const model of [spent, paired]) {
    const { stands, should } = await lake.compare(model)
    t.strictSame(stands, should, model.name)
    const customers = new Set(stands.map(row => (JSON.parse(row) as { customer_id: string }).customer_id))
    t.strictSame([...customers].sort(), texts.toSorted(), 'each text is there as it was sent')
  }
  const table = await lake.catalog.loadTable({ namespace: ['analytics'], name: 'spent' })
  const { files } = await scanFiles(lake.storage, table)
  t.strictSame(files.map(file => String(file.partition['customer_id'])).sort(), texts.toSorted(), 'one partition for each text')
})
