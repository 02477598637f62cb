// npm run bench [-- --part gateway|writer|window|commits|idle] [--scale 0.1]: what the parts cost on this machine.
// Prints figures beside what people would use instead, keeps them as JSON in loadtest/results/, and never fails on a clock.

import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { benchCommits } from './commits.ts'
import { figureTable, type Figure } from './figure.ts'
import { benchGateway } from './gateway.ts'
import { benchIdle } from './idle.ts'
import { benchWindow, benchWriter } from './writer.ts'

const parts: Record<string, (scale: number) => Promise<Figure[]>> = {
  gateway: benchGateway, writer: benchWriter, window: benchWindow, commits: benchCommits, idle: benchIdle
}
const baselines = `Beside them, on two shared cores (CPU-s per million): gateways with delivery reports: FastAPI 195–350 single, 15–22 in batches of 100;
a Go gateway 60–89 and 9–11. Writers: Spark Structured Streaming 31–42, Kafka Connect's Iceberg sink 28–39, a PyIceberg consumer that checks nothing 14–16.
The 500th small commit of PyIceberg costs 6 × its 100th.`

const { values } = parseArgs({ options: { part: { type: 'string', multiple: true }, scale: { type: 'string', default: '1' } } })
const scale = Number(values.scale)
const chosen = values.part ?? Object.keys(parts)
const unknown = chosen.filter(name => !(name in parts))
if (unknown.length > 0 || !(scale > 0 && scale <= 10)) {
  console.error(`unknown part ${unknown.join(', ')} or scale ${values.scale}: parts are ${Object.keys(parts).join(', ')}, the scale is above 0 and at most 10`)
  process.exit(2)
}

const figures: Figure[] = []
for (const name of chosen) {
  console.error(`running ${name} …`)
  figures.push(...await (parts[name] as (scale: number) => Promise<Figure[]>)(scale))
}
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux, Node ${process.version}`
console.log(`${figureTable(figures)}\n\n${baselines}\n\n${machine}, commit ${commit}, ${new Date().toISOString().slice(0, 16)}Z, scale ${scale}`)
const results = resolve(import.meta.dirname, '../results')
mkdirSync(results, { recursive: true })
const file = join(results, `bench-${chosen.length === Object.keys(parts).length ? 'all' : chosen.join('-')}.json`)
writeFileSync(file, JSON.stringify({ commit, machine, at: new Date().toISOString(), scale, figures }, null, 2) + '\n')
console.error(`kept as ${file}`)
process.exit(0)
