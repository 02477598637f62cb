// The log that a benchmark runs on, with the lines that its figures have to stay under: the embedded one, or a broker of
// our own on the same cores, whose CPU is not counted.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { prepareServers, startServer } from '../../deploy/servers/index.ts'

export interface BenchLog {
  readonly name: string
  readonly backends: Readonly<Record<string, string>>
  /** CPU-seconds per million events. */
  readonly limits: { readonly singleEvents: number, readonly batches: number, readonly writer: number }
  /** What else is wanted of the writer, for the notes. */
  readonly wanted: string
  close(): Promise<void>
}

export const logNames = ['embedded', 'kafka'] as const
export type LogName = typeof logNames[number]

const brokerHeapMiB = 512
const partitions = '6'

export async function openBenchLog (name: LogName): Promise<BenchLog> {
  if (name === 'embedded') return { name: 'log', backends: {}, limits: { singleEvents: 70, batches: 7, writer: 10 }, wanted: '', close: async () => {} }
  const dir = mkdtempSync(join(tmpdir(), 'firn-bench-kafka-'))
  await prepareServers(['kafka'])
  const broker = await startServer('kafka', { dir, settings: { heapMiB: brokerHeapMiB } })
  return {
    name: 'Kafka',
    backends: { FIRN_LOG_URL: `kafka://${broker.url}`, FIRN_LOG_PARTITIONS: partitions },
    limits: { singleEvents: 75, batches: 11, writer: 13 },
    wanted: 'wanted ≥ 80,000 events/s; ',
    close: async () => {
      await broker.stop()
      rmSync(dir, { recursive: true, force: true })
    }
  }
}
