// Several servers as one: those that others need first, each told where the others are; when one does not start, the
// ones that did are stopped again.

import { join } from 'node:path'
import { prepareServers, startServer, type RunningServer, type ServerName, type ServerSettings } from './index.ts'

/** Started one stage after the other, within a stage at once. */
const stages: ReadonlyArray<readonly ServerName[]> = [['s3', 'kafka', 'glue', 'toxiproxy'], ['iceberg-rest', 'nessie'], ['trino']]

/** What a server cannot do without. */
const needs: Partial<Record<ServerName, readonly ServerName[]>> = { 'iceberg-rest': ['s3'], nessie: ['s3'], trino: ['s3', 'iceberg-rest'] }

export interface SetOptions {
  /** Each server gets a folder of its own name in it. */
  readonly dir: string
  readonly ports?: Partial<Record<ServerName, number>>
  readonly keep?: boolean
  /** Told of each server as it is ready. */
  readonly onReady?: (server: RunningServer, ms: number) => void
  readonly signal?: AbortSignal
}

/** The names with everything that they need. */
export function withNeeds (names: readonly ServerName[]): ServerName[] {
  const all = new Set<ServerName>()
  const add = (name: ServerName): void => { for (const one of needs[name] ?? []) add(one); all.add(name) }
  names.forEach(add)
  return [...all]
}

export async function startSet (wanted: readonly ServerName[], { dir, ports = {}, keep = false, onReady = () => {}, signal }: SetOptions): Promise<RunningServer[]> {
  const names = withNeeds(wanted)
  const running: RunningServer[] = []
  try {
    await prepareServers(names)
    let settings: ServerSettings = {}
    for (const stage of stages) {
      const started = await Promise.allSettled(stage.filter(name => names.includes(name)).map(async name => {
        const began = Date.now()
        const port = ports[name]
        const server = await startServer(name, { dir: join(dir, name), settings, keep, ...port === undefined ? {} : { port } })
        running.push(server)
        onReady(server, Date.now() - began)
      }))
      for (const one of started) if (one.status === 'rejected') throw one.reason
      signal?.throwIfAborted()
      settings = settingsOf(running)
    }
    return running
  } catch (error) {
    await stopSet(running)
    throw error
  }
}

export async function stopSet (servers: readonly RunningServer[]): Promise<void> {
  await Promise.allSettled(servers.toReversed().map(async server => { await server.stop() }))
}

function settingsOf (running: readonly RunningServer[]): ServerSettings {
  const url = (name: ServerName): string | undefined => running.find(server => server.name === name)?.url
  const [s3Url, restUrl, glueUrl] = [url('s3'), url('iceberg-rest'), url('glue')]
  return { ...s3Url === undefined ? {} : { s3Url }, ...restUrl === undefined ? {} : { restUrl }, ...glueUrl === undefined ? {} : { glueUrl } }
}
