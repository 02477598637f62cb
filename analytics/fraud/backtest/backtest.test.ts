import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '../../../catalog/index.ts'
import t, { type Test } from 'tap'
import { readModelFiles } from '../../models/catalogue.ts'
import { createTable, type Row } from '../../models/model-test.ts'
import { parseModel } from '../../models/model-file.ts'
import { sourceColumns } from '../../models/source-columns.ts'
import type { QueryEngine } from '../../query/engine.ts'
import { modelsByTable, referenceSql, type History } from './history-sql.ts'
import { reportLines, reportTable } from './report.ts'
import { readExtent, readKnown, runRule } from './run-rule.ts'
import { readTime } from './time-flag.ts'
import { judge, readTruth } from './truth.ts'

const signal = new AbortController().signal

/** Only firn.events, and nothing that a runner has made. */
async function engineOver (t: Test, events: readonly Row[]): Promise<QueryEngine> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  t.teardown(() => connection.closeSync())
  await connection.run("set TimeZone = 'UTC'; create schema firn")
  await connection.run(createTable('firn.events', (await sourceColumns([])).get('firn.events')!, events))
  return {
    query: async sql => {
      const result = await connection.runAndReadAll(sql)
      return { names: result.columnNames(), types: [], chunks: (async function * () { yield result.getRows() })() }
    },
    close: async () => {}
  }
}

const order = (order_id: string, event_time: string, amount: string): Row => ({ event_type: 'order_created', event_id: order_id, order_id, customer_id: 'c', event_time, received_at: event_time, amount, currency: 'USD', log_topic: 't', log_partition: 0, log_offset: 0 })
const events = [order('o-1', '2026-01-01T10:00:00Z', '6000.00'), order('o-2', '2026-01-02T10:00:00Z', '3500.00'), order('o-3', '2026-01-02T11:00:00Z', '10.00'), order('o-4', '2026-01-03T10:00:00Z', '9000.00')]

async function history (more: Partial<History> = {}): Promise<History> {
  return { dialect: 'duckdb', from: null, to: null, watermark: new Date('2026-01-04'), models: modelsByTable(await readModelFiles()), references: await referenceSql('duckdb'), ...more }
}

t.test('a rule over history needs no tables but the events, and only the time asked for counts', async t => {
  const engine = await engineOver(t, events)
  const [amount] = await readModelFiles({}, name => name === 'fraud_amount')
  t.strictSame([...(await runRule(engine, amount!, await history(), signal)).keys()], ['o-1', 'o-2', 'o-4'])
  const range = { from: readTime('2026-01-02', 'from'), to: readTime('2026-01-03T00:00', 'to') }
  t.strictSame([...(await runRule(engine, amount!, await history(range), signal)).values()], [{ orderId: 'o-2', score: 3, at: '2026-01-02T10:00:00.000Z', evidence: 'amount 3,500.00 USD is over 3,000' }])
  t.match(await readExtent(engine, range), { events: 2, orders: 2, days: 1 / 24, watermark: new Date('2026-01-02T11:00:00Z') })
  t.strictSame(await readKnown(engine, new Set(['o-1', 'o-3']), range), new Set(['o-3']))
})

t.test('--from and --to take a time as RFC 3339 writes it, and none that no clock shows', async t => {
  t.strictSame(readTime('2026-01-03t00:00:00.5z', 'to'), new Date('2026-01-03T00:00:00.500Z'))
  t.strictSame(readTime('2026-01-03t00:00:00-05:00', 'to'), new Date('2026-01-03T05:00:00Z'))
  t.equal(readTime(undefined, 'to'), null)
  for (const value of ['2026-02-30', '2026-01-03T24:00:00Z', '2026-01-03t00:00:60z', 'soon']) t.throws(() => readTime(value, 'to'), { code: 'BACKTEST_TIME' }, value)
})

t.test('what a rule looks back at counts from before the time asked for', async t => {
  const engine = await engineOver(t, ['09:52', '09:53', '09:54', '09:55', '10:01'].map((time, i) => order(`o-${i}`, `2026-01-01T${time}:00Z`, '1.00')))
  const [runs] = await readModelFiles({}, name => name === 'fraud_orders_per_customer')
  t.strictSame([...(await runRule(engine, runs!, await history({ from: new Date('2026-01-01T10:00:00Z') }), signal)).keys()], ['o-4'])
})

t.test('fraud_alerts runs over the models that it stands on, and so does the trained rule that is off', async t => {
  const engine = await engineOver(t, events)
  const [alerts] = await readModelFiles({}, name => name === 'fraud_alerts')
  const fired = await runRule(engine, alerts!, await history(), signal)
  t.strictSame([...fired.values()].map(({ orderId, score }) => `${orderId} ${score}`), ['o-1 4', 'o-2 3', 'o-4 4'])
  const trained = parseModel('fraud_trained', readFileSync(join(import.meta.dirname, '../off/fraud_trained.sql'), 'utf8'), 'rule')
  t.strictSame([...(await runRule(engine, trained, await history(), signal)).keys()].filter(order => order === 'o-3'), [])
})

t.test('precision counts what fired, recall what was fraud and is in the history', async t => {
  const dir = t.testdir({ 'truth.ndjson': '{"event_id":"e-1","pattern":"amount_outlier","sessionId":"s","orderId":"o-1"}\n{"event_id":"e-2","pattern":"many_cards","sessionId":"s","orderId":"o-3"}\n{"event_id":"e-3","pattern":"many_cards","sessionId":"s","orderId":null}\n\n{"event_id":"e-4","pattern":"many_cards","sessionId":"s","orderId":"o-9"}\n', 'broken.ndjson': '{}\nno' })
  const truth = await readTruth([`${dir}/truth.ndjson`])
  const judgement = judge(new Set(['o-1', 'o-2']), truth, new Set(['o-1', 'o-3']))
  t.match(judgement, { fired: 2, right: 1, precision: 0.5, recall: 0.5, patterns: [{ pattern: 'amount_outlier', orders: 1, found: 1 }, { pattern: 'many_cards', orders: 1, found: 0 }] })
  t.match(judge(new Set(), new Map(), new Set()), { precision: null, recall: null })
  await t.rejects(readTruth([`${dir}/broken.ndjson`]), { code: 'BACKTEST_TRUTH', message: /line 2/ })
  await t.rejects(readTruth([`${dir}/none.ndjson`]), { code: 'BACKTEST_TRUTH', message: /ENOENT/ })
  t.throws(() => readTime('yesterday', 'from'), { code: 'BACKTEST_TIME' })

  const fired = new Map([['o-1', { orderId: 'o-1', score: 4, at: '2026-01-01', evidence: 'large' }], ['o-2', { orderId: 'o-2', score: 2, at: '2026-01-02', evidence: 'middling' }]])
  t.match(reportLines({ rule: 'r', fired, judgement, ms: 1 }, 2, 1), [/would fire on 2 orders \(1 with score 4, 1 with score 2\); 1 alerts by itself, 0.5 a day/, /o-1 .* large/, /precision 0.500 \(1 of 2\), recall 0.500 of all fraud: amount_outlier 1 of 1/])
  t.match(reportTable([{ rule: 'r', fired, judgement, ms: 1 }], 2)[1], /r\s+2\s+0.5\s+0.500\s+0.500\s+amount_outlier 1.000/)
})
