// npm run bench [-- --part gateway|writer|window|commits|idle|models] [--scale 0.1] [--log kafka]: what the parts cost on this machine.
// Prints figures beside what people would use instead, keeps them as JSON in loadtest/results/, and never fails on a clock.

import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { logNames, openBenchLog, type BenchLog, type LogName } from './bench-log.ts'
import { benchCommits } from './commits.ts'
import { figureTable, type Figure } from './figure.ts'
import { benchGateway } from './gateway.ts'
import { benchIdle } from './idle.ts'
import { benchModels } from './models.ts'
import { benchWindow, benchWriter } from './writer.ts'

const parts: Record<string, (scale: number, log: BenchLog) => Promise<Figure[]>> = {
  gateway: benchGateway, writer: benchWriter, window: benchWindow, commits: benchCommits, idle: benchIdle, models: benchModels
}
/** Those that a log of its own makes sense for. */
const partsOn: Record<LogName, readonly string[]> = { embedded: Object.keys(parts), kafka: ['gateway', 'writer'] }
const baselines = `Beside them, on two shared cores (CPU-s per million): gateways to Kafka with delivery reports: FastAPI 195–350 single (4,900/s), 15–22 in batches of 100
(62,000/s); plain Fastify 60–93 (6,700/s) and 12–14 (95,000/s); a Go gateway 60–89 (11,900/s) and 9–11 (116,000/s). Writers from Kafka: Spark Structured Streaming 31–42
(40,000–57,000/s), Kafka Connect's Iceberg sink 28–39 (17,000–35,000/s), a PyIceberg consumer that checks nothing 14–16 (46,000–74,000/s).
The 500th small commit of PyIceberg costs 6 × its 100th.`

const { values } = parseArgs({ options: { part: { type: 'string', multiple: true }, scale: { type: 'string', default: '1' }, log: { type: 'string', default: 'embedded' } } })
const scale = Number(values.scale)
const logName = logNames.find(name => name === values.log)
const possible = logName === undefined ? [] : partsOn[logName]
const chosen = values.part ?? possible
const unknown = chosen.filter(name => !possible.includes(name))
if (logName === undefined || unknown.length > 0 || !(scale > 0 && scale <= 10)) {
  console.error(`unknown part ${unknown.join(', ')}, log ${values.log} or scale ${values.scale}: logs are ${logNames.join(', ')}, parts on this log are ${possible.join(', ')}, the scale is above 0 and at most 10`)
  process.exit(2)
}

const figures: Figure[] = []
for (const name of chosen) {
  console.error(`running ${name} …`)
  // Each part finds an empty log.
  const log = await openBenchLog(logName)
  try {
    figures.push(...await (parts[name] as (scale: number, log: BenchLog) => Promise<Figure[]>)(scale, log))
  } finally {
    await log.close()
  }
}
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux, Node ${process.version}`
console.log(`${figureTable(figures)}\n\n${baselines}\n\n${machine}, commit ${commit}, ${new Date().toISOString().slice(0, 16)}Z, scale ${scale}`)
const results = resolve(import.meta.dirname, '../results')
mkdirSync(results, { recursive: true })
const file = join(results, `bench-${logName === 'embedded' ? '' : `${logName}-`}${chosen.length === possible.length ? 'all' : chosen.join('-')}.json`)
writeFileSync(file, JSON.stringify({ commit, machine, at: new Date().toISOString(), scale, figures }, null, 2) + '\n')
console.error(`kept as ${file}`)
process.exit(0)
