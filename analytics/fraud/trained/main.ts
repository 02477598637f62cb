// `npm run train -- --truth truth.ndjson`: learns from orders whose truth is known, prints how right it is on hours that it has
// not seen, and writes the rule as SQL. Nothing is switched on: the file lies in analytics/fraud/off until somebody moves it.

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { openLake } from '../../../catalog/index.ts'
import { complain, exitWhenPrinted, sentenceOf, show } from '../../../runtime/index.ts'
import { fail } from '../../errors.ts'
import { parseModel } from '../../models/model-file.ts'
import { openQueryEngine } from '../../query/open.ts'
import { historySql, referenceSql } from '../backtest/history-sql.ts'
import { rowsOf, within } from '../backtest/run-rule.ts'
import { readTime } from '../backtest/time-flag.ts'
import { readTruth } from '../backtest/truth.ts'
import { readTrainConfig } from './config.ts'
import { exportRule } from './export-rule.ts'
import { isHeldOut } from './held-out.ts'
import { judgeModel, train, type Example } from './logistic.ts'

const examplesMin = 50
const thresholds = [0.5, 0.9]
const identity = ['order_id', 'customer_id', 'event_time', 'received_at']

try {
  await main()
} catch (error) {
  complain(`train: ${sentenceOf(error)}`)
  process.exitCode = 1
}
await exitWhenPrinted()

async function main (): Promise<void> {
  const config = readTrainConfig()
  const features = parseModel('features', await readFile(join(import.meta.dirname, 'features.sql'), 'utf8'), 'rule')
  const names = features.columns.map(({ name }) => name).filter(name => !identity.includes(name))
  const truth = await readTruth(config.truth)
  const engine = await openQueryEngine(config, () => ({ ...openLake(config, { dataDir: resolve(config.FIRN_DATA_DIR) }), catalogUrl: config.FIRN_CATALOG_URL }))
  const dialect = config.FIRN_QUERY_URL.startsWith('trino') ? 'trino' : 'duckdb'
  const range = { from: readTime(config.from, 'from'), to: readTime(config.to, 'to') }
  const sql = historySql(features, { dialect, ...range, watermark: new Date(0), models: new Map(), references: await referenceSql(dialect) })
  const learn: Example[] = []
  const held: Example[] = []
  const answer = await engine.query(`select f.order_id, cast(date_trunc('hour', f.event_time) as varchar) as hour, ${names.map(name => `f.${name}`).join(', ')} from (${sql}) f where true${within('f.event_time', range)} order by f.order_id, f.event_time`)
  for await (const [orderId, hour, ...values] of rowsOf(answer)) {
    const example = { features: values.map(Number), fraud: truth.has(String(orderId)) }
    if (isHeldOut(String(hour).slice(0, 13), config.seed, config.held)) held.push(example)
    else learn.push(example)
  }
  await engine.close()
  for (const part of [learn, held]) {
    const fraud = part.filter(one => one.fraud).length
    if (fraud < examplesMin || part.length - fraud < examplesMin) throw fail('TRAIN_TOO_FEW', { fraud, honest: part.length - fraud, min: examplesMin })
  }
  const model = train(learn)
  const figures = thresholds.map(threshold => judgeModel(model, held, threshold))
  const say = (line: string): void => { show(line) }
  say(`trained on ${learn.length} orders (${learn.filter(one => one.fraud).length} fraud), judged on ${held.length} of other hours (${held.filter(one => one.fraud).length} fraud)`)
  for (const [i, name] of names.entries()) say(`    ${name.padEnd(10)} ${model.weights[i]!.toFixed(3).padStart(8)} per standard deviation`)
  for (const { threshold, fires, right, fraud, precision, recall } of figures) say(`held out, from ${threshold}: precision ${precision.toFixed(3)} (${right} of ${fires}), recall ${recall.toFixed(3)} (of ${fraud})`)
  const file = resolve(config.out)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, exportRule(features, names, model, { orders: learn.length + held.length, heldOut: held.length, seed: config.seed, figures }))
  say(`written to ${relative(process.cwd(), file)}: off until it is moved to analytics/fraud/rules`)
}
