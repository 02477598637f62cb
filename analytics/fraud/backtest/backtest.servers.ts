// For tests
// A backtest asked of Trino (TEST_TRINO) and of DuckDB: every rule, fraud_alerts over all that it stands on, and the trained rule
// give the same orders, scores and evidence. The events stand in the statement, so no catalog is needed.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '../../../catalog/index.ts'
import t from 'tap'
import { readModelFiles } from '../../models/catalogue.ts'
import { parseModel } from '../../models/model-file.ts'
import { valuesOf, type Row } from '../../models/model-test.ts'
import type { Dialect } from '../../models/render.ts'
import { sourceColumns } from '../../models/source-columns.ts'
import type { QueryEngine } from '../../query/engine.ts'
import { openTrinoEngine } from '../../query/trino.ts'
import { modelsByTable, referenceSql } from './history-sql.ts'
import { runRule } from './run-rule.ts'

const { TEST_TRINO } = process.env
t.setTimeout(280_000)
const used = ['event_type', 'event_id', 'event_time', 'received_at', 'session_id', 'user_id', 'customer_id', 'order_id', 'payment_id', 'location', 'amount', 'currency', 'ip', 'card_fingerprint', 'order_status', 'product_id', 'product_name', 'category', 'quantity', 'unit_price', 'region', 'payment_method', 'log_topic', 'log_partition', 'log_offset']
const places = [{ city: 'New York', latitude: 40.71, longitude: -74.01 }, { city: 'Tokyo', latitude: 35.68, longitude: 139.69 }]
let offset = 0
const event = (event_type: string, minute: number, more: Row): Row => ({
  event_type, event_id: `e-${++offset}`, event_time: `2026-01-31T10:0${minute}:00Z`, received_at: `2026-01-31T10:0${minute}:00Z`, session_id: 's-1', currency: 'EUR', log_topic: 't', log_partition: 0, log_offset: offset, ...more
})
const events: Row[] = [
  ...[0, 1, 2, 3, 4].map(i => event('order_created', i, { order_id: `o-${i}`, customer_id: 'c-1', ip: '192.0.2.1', amount: i === 4 ? '6000.00' : '10.00', location: places[i % 2] })),
  ...[0, 1, 2].map(i => event('payment_failed', i, { order_id: 'o-1', payment_id: `p-${i}`, user_id: 'c-1', amount: '10.00', card_fingerprint: `k-${i}`, location: places[1] })),
  event('payment_captured', 5, { order_id: 'o-2', payment_id: 'p-9', user_id: 'c-1', amount: '3.00', location: places[0] }), event('order_cancelled', 6, { order_id: 'o-4', customer_id: 'c-1' })
]

if (TEST_TRINO === undefined) t.fail('TEST_TRINO must name a server: npm run test:servers starts it and sets this')
else {
  void t.test('a backtest says the same on Trino as on DuckDB', async t => {
    const trino = openTrinoEngine({ url: `trino://${new URL(TEST_TRINO).host}` })
    const connection = await (await DuckDBInstance.create(':memory:')).connect()
    t.teardown(() => connection.closeSync())
    await connection.run("set TimeZone = 'UTC'")
    const duckdb: QueryEngine = {
      query: async sql => { const result = await connection.runAndReadAll(sql); return { names: result.columnNames(), types: [], chunks: (async function * () { yield result.getRows() })() } },
      close: async () => {}
    }
    const columns = (await sourceColumns([])).get('firn.events')!.filter(({ name }) => used.includes(name))
    const models = await readModelFiles()
    const rules = [...models.filter(({ kind }) => kind === 'rule'), parseModel('fraud_trained', readFileSync(join(import.meta.dirname, '../off/fraud_trained.sql'), 'utf8'), 'rule')]
    for (const rule of rules) {
      const [onDuckdb, onTrino] = await Promise.all(([[duckdb, 'duckdb'], [trino, 'trino']] as const).map(async ([engine, dialect]: readonly [QueryEngine, Dialect]) => {
        const references = new Map([...await referenceSql(dialect), ['firn.events', `(select * from ${valuesOf(columns, events, dialect)})`]])
        const fired = await runRule(engine, rule, { dialect, from: new Date('2026-01-31'), to: new Date('2026-02-01'), watermark: new Date('2026-01-31T11:00:00Z'), models: modelsByTable(models), references }, new AbortController().signal)
        return [...fired.values()]
      }))
      t.strictSame(onTrino, onDuckdb, rule.name)
      if (rule.name !== 'fraud_amount_outlier') t.ok(onDuckdb!.length > 0, `${rule.name} fires`)
    }
  })
}
