// `npm run backtest -- --rule fraud_amount --from 2026-01-01 --to 2026-02-01 --truth truth.ndjson`: what a rule would have
// said over history, by DuckDB or Trino. A rule may be a file that is not installed. Reads only; nothing is alerted.

import { readFile } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { openLake } from '../../../catalog/index.ts'
import { complain, exitWhenPrinted, sentenceOf, show } from '../../../runtime/index.ts'
import { fail } from '../../errors.ts'
import { readModelFiles } from '../../models/catalogue.ts'
import { parseModel, type Model } from '../../models/model-file.ts'
import { openQueryEngine } from '../../query/open.ts'
import { readBacktestConfig } from './config.ts'
import { modelsByTable, referenceSql, type History } from './history-sql.ts'
import { reportLines, reportTable, type Tested } from './report.ts'
import { readExtent, readKnown, runRule } from './run-rule.ts'
import { readTime } from './time-flag.ts'
import { judge, readTruth } from './truth.ts'

try {
  await main()
} catch (error) {
  complain(`backtest: ${sentenceOf(error)}`)
  process.exitCode = 1
}
await exitWhenPrinted()

async function main (): Promise<void> {
  const config = readBacktestConfig()
  const models = await readModelFiles()
  const rules = config.rule.length === 0 ? rulesOf(models) : await Promise.all(config.rule.map(rule => findRule(rule, models)))
  const range = { from: readTime(config.from, 'from'), to: readTime(config.to, 'to') }
  const truth = config.truth.length === 0 ? null : await readTruth(config.truth)
  const engine = await openQueryEngine(config, () => ({ ...openLake(config, { dataDir: resolve(config.FIRN_DATA_DIR) }), catalogUrl: config.FIRN_CATALOG_URL }))
  const stop = new AbortController()
  process.once('SIGINT', () => { stop.abort() })
  const dialect = config.FIRN_QUERY_URL.startsWith('trino') ? 'trino' : 'duckdb'
  const extent = await readExtent(engine, range)
  const known = truth === null ? new Set<string>() : await readKnown(engine, truth, range)
  const history: History = { dialect, ...range, watermark: extent.watermark, models: modelsByTable(models), references: await referenceSql(dialect) }
  const tested: Tested[] = []
  const print = (lines: readonly string[]): void => { if (!config.json) show(lines) }
  print([`${extent.events.toLocaleString('en')} events with ${extent.orders.toLocaleString('en')} orders over ${extent.days.toFixed(2)} days${truth === null ? '' : `; ${known.size} orders are known to be fraud`}`])
  for (const rule of rules) {
    const began = performance.now()
    const fired = await runRule(engine, rule, history, stop.signal)
    const one = { rule: rule.name, fired, judgement: truth === null ? null : judge(new Set(fired.keys()), truth, known), ms: Math.round(performance.now() - began) }
    tested.push(one)
    print(reportLines(one, extent.days, config.samples))
  }
  if (tested.length > 1) print(['', ...reportTable(tested, extent.days)])
  // eslint-disable-next-line no-restricted-syntax -- JSON for programs
  if (config.json) process.stdout.write(JSON.stringify({ ...extent, rules: tested.map(({ rule, fired, judgement, ms }) => ({ rule, fires: fired.size, ...judgement, ms })) }, null, 1) + '\n')
  await engine.close()
}

/** Those that are installed, the one that adds them up last. */
function rulesOf (models: readonly Model[]): Model[] {
  return models.filter(({ kind }) => kind === 'rule').sort((a, b) => Number(a.name === 'fraud_alerts') - Number(b.name === 'fraud_alerts') || (a.name < b.name ? -1 : 1))
}

async function findRule (rule: string, models: readonly Model[]): Promise<Model> {
  if (rule.endsWith('.sql')) {
    const text = await readFile(resolve(rule), 'utf8').catch((error: unknown) => { throw fail('BACKTEST_RULE', { rule, known: 'the files that are there' }, error) })
    return parseModel(basename(rule, '.sql'), text, 'rule')
  }
  const known = rulesOf(models)
  return known.find(({ name }) => name === rule || name === `fraud_${rule}`) ?? (() => { throw fail('BACKTEST_RULE', { rule, known: known.map(({ name }) => name).join(', ') }) })()
}
