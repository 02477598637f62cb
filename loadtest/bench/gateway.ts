// The gateway alone: durable answers for single events and for batches of 100, driven by wrk (its CPU does not count).
// Each request carries event ids of its own, so that nothing is measured that a client would not do.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startLine } from '../line.ts'
import { benchEvent } from './bench-event.ts'
import type { BenchLog } from './bench-log.ts'
import { cpuSeconds, peakRssMiB } from './process-cost.ts'
import type { Figure } from './figure.ts'

const run = promisify(execFile)

export async function benchGateway (scale: number, { name: log, backends, limits }: BenchLog): Promise<Figure[]> {
  const seconds = Math.max(2, Math.round(15 * scale))
  const dir = mkdtempSync(join(tmpdir(), 'firn-bench-'))
  const line = await startLine({ dataDir: dir, backends })
  const figures: Figure[] = []
  try {
    const gateway = await line.start('gateway')
    const pid = gateway.pid as number
    for (const { name, batch, connections, limit } of [
      { name: `gateway → ${log}, single events`, batch: 1, connections: 64, limit: limits.singleEvents },
      { name: `gateway → ${log}, batches of 100`, batch: 100, connections: 16, limit: limits.batches }
    ]) {
      const script = join(dir, `post-${batch}.lua`)
      writeFileSync(script, luaScript(batch))
      const wrk = (duration: number): Promise<{ stdout: string }> =>
        run('wrk', ['-t1', `-c${connections}`, `-d${duration}s`, '--latency', '-s', script, `${line.gatewayUrl}/v1/events`], { timeout: (duration + 30) * 1000 })
      await wrk(2)
      const cpuBefore = cpuSeconds(pid)
      const { stdout } = await wrk(seconds)
      const cpu = cpuSeconds(pid) - cpuBefore
      const requests = Number(/(\d+) requests in/.exec(stdout)?.[1])
      const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0)
      const events = (requests - refused) * batch
      figures.push({
        name,
        events,
        eventsPerSecond: events / Number(/requests in ([\d.]+)s/.exec(stdout)?.[1]),
        cpuSecondsPerMillion: cpu / events * 1e6,
        limitCpuSecondsPerMillion: limit,
        peakRssMiB: peakRssMiB(pid),
        notes: `p50 ${/^\s+50%\s+(\S+)/m.exec(stdout)?.[1]} p99 ${/^\s+99%\s+(\S+)/m.exec(stdout)?.[1]}, ${refused} of ${requests} requests refused`
      })
    }
  } finally {
    await line.stop()
    rmSync(dir, { recursive: true, force: true })
  }
  return figures
}

/** A wrk script whose events have ids of their own: an id is the request's number and the place in the batch. */
function luaScript (batch: number): string {
  const now = Date.now()
  const events = Array.from({ length: batch }, (_, i) => benchEvent(i, '@@ID@@', now).split('@@ID@@'))
  const parts = events.map(([before, after]) => `{${luaString(before as string)}, ${luaString(after as string)}}`)
  return `
local parts = {${parts.join(',\n')}}
local salt = tostring(os.time()) .. "-" .. tostring(math.random(1000000))
local n = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
function init(args) math.randomseed(os.time()); salt = tostring(os.time()) .. "-" .. tostring(math.random(100000000)) end
function request()
  n = n + 1
  local id = salt .. "-" .. n
  local out = {}
  for i = 1, #parts do out[i] = parts[i][1] .. id .. parts[i][2] end
  local body = #parts == 1 and out[1] or "[" .. table.concat(out, ",") .. "]"
  return wrk.format(nil, nil, nil, body)
end
`
}

function luaString (text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}
