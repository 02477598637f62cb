// The whole line with nothing to do: CPU in percent of one core, and memory as the sum of proportional sets.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { freePort } from '../../runtime/index.ts'
import { startLine } from '../line.ts'
import type { Figure } from './figure.ts'
import { cpuSeconds, processTree, pssMiB } from './process-cost.ts'

const settleMs = 15_000
const readyMsMax = 30_000

export async function benchIdle (scale: number): Promise<Figure[]> {
  const watchMs = Math.max(5_000, 60_000 * scale)
  const dir = mkdtempSync(join(tmpdir(), 'firn-bench-'))
  const { gatewayUrl, catalogUrl, writerUrl } = await startLine({ dataDir: dir })
  const port = (url: string): string => new URL(url).port
  const start = spawn(process.execPath, [resolve(import.meta.dirname, '../../deploy/local/main.ts')], {
    env: { ...process.env, FIRN_DATA_DIR: dir, FIRN_GATEWAY_PORT: port(gatewayUrl), FIRN_CATALOG_PORT: port(catalogUrl), FIRN_WRITER_PORT: port(writerUrl), FIRN_CATALOG_URL: catalogUrl, FIRN_ANALYTICS_PORT: String(await freePort()) },
    stdio: 'ignore'
  })
  try {
    await untilReady(`${gatewayUrl}/readyz`)
    await untilReady(`${writerUrl}/readyz`)
    await wait(settleMs)
    const tree = processTree(start.pid as number)
    const before = tree.map(cpuSeconds)
    await wait(watchMs)
    const cpu = tree.map((pid, i) => cpuSeconds(pid) - (before[i] as number))
    const used = cpu.reduce((a, b) => a + b, 0) / (watchMs / 1000) * 100
    const memory = tree.map(pssMiB)
    const total = memory.reduce((a, b) => a + b, 0)
    return [{
      name: 'the whole line, idle',
      events: 0,
      eventsPerSecond: 0,
      cpuSecondsPerMillion: 0,
      limitCpuSecondsPerMillion: null,
      peakRssMiB: total,
      notes: `CPU ${used.toFixed(2)} % (wanted ≤ 1), sum of PSS ${total.toFixed(0)} MiB (wanted ≤ 500) over ${tree.length} processes: ${memory.map(m => m.toFixed(0)).join(' + ')}`
    }]
  } finally {
    start.kill('SIGTERM')
    await once(start, 'exit')
    rmSync(dir, { recursive: true, force: true })
  }
}

async function untilReady (url: string): Promise<void> {
  const end = Date.now() + readyMsMax
  while (!(await fetch(url).then(response => response.ok, () => false))) {
    if (Date.now() > end) throw new Error(`${url} was not ready within ${readyMsMax} ms`)
    await wait(200)
  }
}

function wait (ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
