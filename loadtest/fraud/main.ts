// `npm run test:fraud`: history whose fraud is known, through the log and the writer into a table, and every rule over it:
// precision and recall per rule. `--keep DIR` leaves the table and the truth there, for `npm run train` and further backtests.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Type } from 'typebox'
import { readConfig, sentenceOf } from '../../runtime/index.ts'
import { startLine } from '../line.ts'
import { createTally } from '../tally.ts'
import { playHistory } from './history.ts'

const schema = Type.Object({
  events: Type.Integer({ default: 60_000, minimum: 1_000, description: 'events of the history' }),
  rate: Type.Number({ default: 1, minimum: 0.01, description: 'events a second on the clock of the history' }),
  shoppers: Type.Integer({ default: 10, minimum: 1, description: 'shoppers in the shop at once: with the rate it says how fast one of them clicks' }),
  fraud: Type.Number({ default: 0.02, minimum: 0, maximum: 1, description: 'share of visits that are fraud' }),
  seed: Type.Integer({ default: 1, minimum: 0, description: 'the same seed plays the same history' }),
  keep: Type.Optional(Type.String({ description: 'a folder for the data, which then stays' })),
  train: Type.Optional(Type.String({ description: 'also train on this history: the rule file to write, such as analytics/fraud/off/fraud_trained.sql' })),
  precision: Type.Number({ default: 0.9, minimum: 0, maximum: 1, description: 'what fraud_alerts has to reach' }),
  recall: Type.Number({ default: 0.8, minimum: 0, maximum: 1, description: 'what fraud_alerts has to reach' })
})

const config = readConfig('test:fraud', schema, { env: {} })
const tally = createTally()
const dir = config.keep === undefined ? mkdtempSync(join(tmpdir(), 'firn-fraud-')) : resolve(config.keep)
mkdirSync(dir, { recursive: true })
const truthFile = join(dir, 'truth.ndjson')
const line = await startLine({ dataDir: dir })
try {
  await line.start('catalog')
  await playHistory(line, { events: config.events, seed: config.seed, startMs: Date.parse('2026-01-01T00:00:00Z'), eventsPerSecond: config.rate, shoppers: config.shoppers, fraud: config.fraud, truthFile })
  const code = await line.run('writer', ['--until-end'])
  tally.check('the writer took the history', code === 0, code === 0 ? '' : line.printed('writer').split('\n').slice(-5).join('\n'))
  const found = await command('backtest', ['--truth', truthFile])
  process.stdout.write(found.text)
  const { rules } = JSON.parse((await command('backtest', ['--truth', truthFile, '--rule', 'fraud_alerts', '--json'])).text) as { rules: Array<{ precision: number, recall: number }> }
  const { precision, recall } = rules[0]!
  tally.check(`precision of fraud_alerts is ${precision.toFixed(3)} (wanted ≥ ${config.precision})`, precision >= config.precision)
  tally.check(`recall of fraud_alerts is ${recall.toFixed(3)} (wanted ≥ ${config.recall})`, recall >= config.recall)
  if (config.train !== undefined) process.stdout.write((await command('trained', ['--truth', truthFile, '--out', resolve(config.train)])).text + (await command('backtest', ['--truth', truthFile, '--rule', resolve(config.train)])).text)
  if (config.keep !== undefined) process.stdout.write(`kept in ${dir}: FIRN_DATA_DIR=${dir} FIRN_WAREHOUSE_URL=${line.warehouseUrl} with a catalog over it, truth ${truthFile}\n`)
} catch (error) {
  tally.check('the run came to its end', false, sentenceOf(error))
} finally {
  await line.stop()
  if (config.keep === undefined) rmSync(dir, { recursive: true, force: true })
}
console.log(tally.end())
process.exit(tally.failed === 0 ? 0 : 1)

async function command (name: 'backtest' | 'trained', flags: readonly string[]): Promise<{ text: string }> {
  const child = spawn(process.execPath, [resolve(import.meta.dirname, `../../analytics/fraud/${name}/main.ts`), ...flags], {
    env: { ...process.env, FIRN_DATA_DIR: dir, FIRN_CATALOG_URL: line.catalogUrl, FIRN_WAREHOUSE_URL: line.warehouseUrl }, stdio: ['ignore', 'pipe', 'inherit']
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', chunk => { text += chunk })
  const [code] = await once(child, 'close') as [number]
  if (code !== 0) throw new Error(`${name} ended with ${code}`)
  return { text }
}
