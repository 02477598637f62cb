// What models and rules cost: a history at 1,000 events/s, the first computation of all of them, then commits of five seconds at 1,000
// events/s, each followed by a cycle of the rules and the models of an hour, and once by the others. Once over a tenth of the
// history and once over all of it: at equal new data the cost should not grow with what the table holds.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadReferences, readModels } from '../../analytics/models/index.ts'
import { openRunner, type CycleOptions, type ModelRun } from '../../analytics/runner/index.ts'
import { connectCatalog, openStorage } from '../../catalog/index.ts'
import { startLine } from '../line.ts'
import type { Figure } from './figure.ts'
import { appendHistory } from './history.ts'

const rowsAll = 10_000_000
const slices = 10
const hourMs = 3_600_000
const eventsPerSecond = 1000
const commitSeconds = 5
const commits = 6
/** The first computation of an old table takes more than a cycle does. */
const memoryMiBMax = 1024

export async function benchModels (scale: number): Promise<Figure[]> {
  return [...await benchAge(Math.round(rowsAll / 10 * scale)), ...await benchAge(Math.round(rowsAll * scale))]
}

async function benchAge (rows: number): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'firn-bench-'))
  const line = await startLine({ dataDir: dir })
  try {
    await line.start('catalog')
    // It makes the tables.
    await line.run('writer', ['--until-end'])
    const lake = { catalog: connectCatalog(line.catalogUrl), storage: openStorage(line.warehouseUrl) }
    const runner = openRunner({ ...lake, engine: null, models: await readModels(), dataDir: dir, slowMs: 0, memoryMiBMax })
    // The hour that is computed again holds a thousand seconds of events, whatever the table's age.
    const begin = Math.floor(Date.now() / hourMs) * hourMs + 1_000_000
    const perSlice = rows / slices
    const sliceMs = perSlice / eventsPerSecond * 1000
    for (let i = 0; i < slices; i++) await appendHistory(lake, { from: i * perSlice, count: perSlice, fromMs: begin - (slices - i) * sliceMs, toMs: begin - (slices - i - 1) * sliceMs })
    await loadReferences(lake)
    const measure = async (options: CycleOptions): Promise<{ ms: number, cpuMs: number, runs: ModelRun[] }> => {
      const [beganMs, cpu] = [performance.now(), process.cpuUsage()]
      const runs = await runner.cycle(options)
      const failed = runs.find(run => run.outcome === 'failed')
      if (failed !== undefined) throw new Error(`model ${failed.model} failed: ${failed.error}`)
      const { user, system } = process.cpuUsage(cpu)
      return { ms: performance.now() - beganMs, cpuMs: (user + system) / 1000, runs }
    }
    const first = await measure({ minute: true })
    const quick: { ms: number, cpuMs: number, runs: ModelRun[] }[] = []
    const perCommit = eventsPerSecond * commitSeconds
    for (let i = 0; i < commits; i++) {
      await appendHistory(lake, { from: rows + i * perCommit, count: perCommit, fromMs: begin + i * commitSeconds * 1000, toMs: begin + (i + 1) * commitSeconds * 1000 })
      quick.push(await measure({ minute: false }))
    }
    const slow = await measure({ minute: true })
    await runner.close()
    const at = rows.toLocaleString('en')
    const spread = quick.map(({ ms }) => ms / 1000).sort((a, b) => a - b)
    const dearest = (runs: readonly ModelRun[]): string => [...runs].filter(run => run.outcome === 'written').sort((a, b) => b.ms - a.ms).slice(0, 4).map(run => `${run.model} ${run.ms} ms`).join(', ')
    return [
      row(`rules and models of an hour after ${commitSeconds} s at ${eventsPerSecond.toLocaleString('en')} events/s, ${at} rows in the table`, `${spread[Math.floor(spread.length / 2)]!.toFixed(1)} s (${spread[0]!.toFixed(1)}–${spread.at(-1)!.toFixed(1)}; wanted ≤ 3), ${(quick.at(-1)!.cpuMs / 1000).toFixed(1)} CPU-s; ${dearest(quick.at(-1)!.runs)}`),
      row(`all others, ${commits * commitSeconds} s of events, ${at} rows`, `${(slow.ms / 1000).toFixed(1)} s (wanted ≤ 20), ${(slow.cpuMs / 1000).toFixed(1)} CPU-s; ${dearest(slow.runs)}`),
      row(`everything from the beginning, ${at} rows`, `${(first.ms / 1000).toFixed(1)} s, ${(first.cpuMs / 1000).toFixed(1)} CPU-s; ${dearest(first.runs)}`)
    ]
  } finally {
    await line.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

function row (name: string, notes: string): Figure {
  return { name, events: 0, eventsPerSecond: 0, cpuSecondsPerMillion: 0, limitCpuSecondsPerMillion: null, peakRssMiB: process.memoryUsage().rss / 2 ** 20, notes }
}
