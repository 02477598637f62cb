// The writer alone: a log that was filled before, drained into committed rows by `--until-end`.
// Every twentieth event is a duplicate of an earlier one where `duplicates` says so; the second form puts 20 million ids into
// the window first, through a foreign append, and also measures how long a restart takes with them.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectCatalog } from '../../catalog/index.ts'
import { openLog, type LogRecord } from '../../log/index.ts'
import { startLine, type Line } from '../line.ts'
import { benchEvent } from './bench-event.ts'
import type { BenchLog } from './bench-log.ts'
import type { Figure } from './figure.ts'
import { appendIds } from './foreign-ids.ts'
import { costUntilExit, cpuSeconds, type Cost } from './process-cost.ts'

const topic = 'ecommerce_events'
const recordsPerAppend = 2_000
const duplicateEvery = 50

export async function benchWriter (scale: number, { name, backends, limits, wanted }: BenchLog): Promise<Figure[]> {
  const count = Math.round(2_000_000 * scale)
  return await withLine(async line => {
    await fillLog(line, count, 'a')
    const { cost, catalogCpu } = await drain(line)
    return [figure(`writer, ${name} → committed rows`, count, limits.writer, cost, `${wanted}${await rowsOf(line)}, catalog ${catalogCpu.toFixed(1)} CPU-s`)]
  }, backends)
}

export async function benchWindow (scale: number): Promise<Figure[]> {
  const [count, ids] = [Math.round(2_000_000 * scale), Math.round(20_000_000 * scale)]
  return await withLine(async line => {
    await fillLog(line, 1_000, 'first')
    await drain(line)
    await appendIds(line, ids)
    const restart = (await drain(line)).cost
    await fillLog(line, count, 'b')
    const { cost } = await drain(line)
    const net: Cost = { ...cost, cpuSeconds: cost.cpuSeconds - restart.cpuSeconds, wallSeconds: cost.wallSeconds - restart.wallSeconds }
    return [
      figure(`writer with ${ids.toLocaleString('en')} ids in the window, net of its start`, count, 12, net, await rowsOf(line)),
      { ...figure(`its restart with ${ids.toLocaleString('en')} ids`, 0, null, restart, `${restart.wallSeconds.toFixed(1)} s (wanted ≤ 60), ${restart.cpuSeconds.toFixed(1)} CPU-s`) }
    ]
  })
}

async function withLine (run: (line: Line) => Promise<Figure[]>, backends: Readonly<Record<string, string>> = {}): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'firn-bench-'))
  const line = await startLine({ dataDir: dir, backends })
  try {
    await line.start('catalog')
    return await run(line)
  } finally {
    await line.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

/** As the gateway writes them: one header object per request, values on one line. A `step` of 36 keeps to one type of one day. */
export async function fillLog (line: Pick<Line, 'logUrl'>, count: number, prefix: string, { perAppend = recordsPerAppend, duplicates = true, step = 1 } = {}): Promise<void> {
  const log = await openLog(line.logUrl, { partitions: 3, bytesMax: 16 * 2 ** 30, retentionMs: 86_400_000, appendMsMax: 60_000 })
  await log.ensureTopic(topic)
  const encoder = new TextEncoder()
  // The embedded log has one disk to wait for, and the small commits need their appends one by one.
  const appendsUnderWay = line.logUrl.startsWith('file:') ? 1 : 8
  const underWay = new Set<Promise<unknown>>()
  for (let n = 0; n < count; n += perAppend) {
    const now = Date.now()
    const headers = { received_at: String(now * 1000), ip: '192.0.2.7', user_agent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)', source: 'gateway' }
    const records: LogRecord[] = []
    for (let i = n; i < Math.min(count, n + perAppend); i++) {
      const id = duplicates && i % duplicateEvery === duplicateEvery - 1 ? i - 7 : i
      const text = benchEvent(id * step, prefix, now)
      records.push({ topic, key: `s-${id * 31 % 50_000}`, value: encoder.encode(text), headers, timestampMs: now })
    }
    while (underWay.size >= appendsUnderWay) await Promise.race(underWay)
    const appending = log.append(records).finally(() => underWay.delete(appending))
    underWay.add(appending)
  }
  await Promise.all(underWay)
  await log.close()
}

async function drain (line: Line): Promise<{ cost: Cost, catalogCpu: number }> {
  const catalogPid = line.process('catalog')?.pid as number
  const before = cpuSeconds(catalogPid)
  const child = line.launch('writer', ['--until-end'])
  const cost = await costUntilExit(child)
  if (cost.exitCode !== 0) throw new Error(`the writer ended with ${cost.exitCode}:\n${line.printed('writer').split('\n').slice(-10).join('\n')}`)
  return { cost, catalogCpu: cpuSeconds(catalogPid) - before }
}

async function rowsOf (line: Line): Promise<string> {
  const { metadata } = await connectCatalog(line.catalogUrl).loadTable({ namespace: ['firn'], name: 'events' })
  const current = metadata.snapshots.find(s => s['snapshot-id'] === metadata['current-snapshot-id'])
  return `${Number(current?.summary['total-records']).toLocaleString('en')} rows in ${current?.summary['total-data-files']} files`
}

function figure (name: string, events: number, limit: number | null, cost: Cost, notes: string): Figure {
  return {
    name,
    events,
    eventsPerSecond: events / cost.wallSeconds,
    cpuSecondsPerMillion: cost.cpuSeconds / events * 1e6,
    limitCpuSecondsPerMillion: limit,
    peakRssMiB: cost.peakRssMiB,
    notes
  }
}

