// 2,000 small commits one after the other: does commit 2,000 cost what commit 100 did? The times are those at which the
// catalog's metadata files appear, so that nothing in the services is changed for the measurement.

import { mkdtempSync, readdirSync, rmSync, statSync, watch } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectCatalog } from '../../catalog/index.ts'
import { startLine } from '../line.ts'
import type { Figure } from './figure.ts'
import { costUntilExit } from './process-cost.ts'
import { fillLog } from './writer.ts'

/** Each append nearly fills the smallest batch that the writer may be told to take, so that batches stay small. */
const recordsPerCommit = 190
/** Appends to three partitions that were read together become one commit. */
const appendsPerCommit = 1.6
const load = { perAppend: recordsPerCommit, duplicates: false, step: 36 }

export async function benchCommits (scale: number): Promise<Figure[]> {
  const events = Math.round(Math.max(300, 2_000 * scale) * appendsPerCommit) * recordsPerCommit
  const dir = mkdtempSync(join(tmpdir(), 'firn-bench-'))
  const line = await startLine({ dataDir: dir, settings: { writer: { FIRN_WRITER_COMMIT_BYTES_MAX: String(64 * 1024) } } })
  try {
    await line.start('catalog')
    await fillLog(line, recordsPerCommit, 'first', load)
    if (await line.run('writer', ['--until-end']) !== 0) throw new Error(line.printed('writer'))
    const catalog = connectCatalog(line.catalogUrl)
    const table = await catalog.loadTable({ namespace: ['firn'], name: 'events' })
    const metadataDir = join(fileURLToPath(table.metadata.location), 'metadata')
    const seen = new Map<string, number>()
    const watcher = watch(metadataDir, (_, name) => {
      if (name !== null && name.endsWith('.metadata.json') && !seen.has(name)) seen.set(name, performance.now())
    })
    await fillLog(line, events, 'c', load)
    const cost = await costUntilExit(line.launch('writer', ['--until-end']))
    watcher.close()
    if (cost.exitCode !== 0) throw new Error(line.printed('writer'))
    const times = [...seen.values()]
    const gaps = times.slice(1).map((time, i) => time - (times[i] as number))
    const [early, late] = [median(gaps.slice(100, 200)), median(gaps.slice(-100))]
    const sizes = readdirSync(metadataDir).filter(name => name.endsWith('.metadata.json')).map(name => statSync(join(metadataDir, name)).size)
    return [{
      name: `${gaps.length + 1} small commits`,
      events,
      eventsPerSecond: events / cost.wallSeconds,
      cpuSecondsPerMillion: cost.cpuSeconds / events * 1e6,
      limitCpuSecondsPerMillion: null,
      peakRssMiB: cost.peakRssMiB,
      notes: `median of commits 100–200 ${early.toFixed(1)} ms, of the last 100 ${late.toFixed(1)} ms: × ${(late / early).toFixed(2)} (wanted ≤ 1.3); p99 ${quantile(gaps, 0.99).toFixed(0)} ms; metadata file ${(Math.max(...sizes) / 1024).toFixed(0)} KiB (wanted ≤ 1024)`
    }]
  } finally {
    await line.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

function median (values: readonly number[]): number {
  return quantile(values, 0.5)
}

function quantile (values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN
}
