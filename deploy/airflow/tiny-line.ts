// Catalog and gateway as processes on free ports, with some thousand events of the generator in the log and no writer: what a DAG's
// run then turns into rows, models and checked tables. Ends with the processes that it started.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { freePorts } from '../../runtime/index.ts'
import { runTool } from '../servers/run-tool.ts'

const events = 3000
const readyMsMax = 60_000
const projectDir = resolve(import.meta.dirname, '../..')

export interface TinyLine {
  /** The settings that say where it is. */
  readonly env: Readonly<Record<string, string>>
  stop(): Promise<void>
}

export async function startTinyLine (dataDir: string): Promise<TinyLine> {
  const [catalogPort, gatewayPort, writerPort] = await freePorts(3)
  const FIRN_LOG_URL = pathToFileURL(join(dataDir, 'log')).href
  const FIRN_WAREHOUSE_URL = pathToFileURL(join(dataDir, 'warehouse')).href
  const started: ChildProcess[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(started.filter(child => child.exitCode === null).map(async child => {
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
    }))
  }
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_')))
  const start = async (entry: string, env: Record<string, string>): Promise<void> => {
    const child = spawn(process.execPath, [join(projectDir, entry)], { cwd: projectDir, env: { ...clean, FIRN_DATA_DIR: dataDir, ...env }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    started.push(child)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const late = setTimeout(() => { reject(new Error(`${entry} was not ready within ${readyMsMax} ms`)) }, readyMsMax)
    child.on('message', message => { if ((message as { ready?: boolean }).ready === true) resolve() })
    child.once('exit', code => { reject(new Error(`${entry} ended with ${code}`)) })
    await promise.finally(() => { clearTimeout(late) })
  }
  try {
    await start('catalog/server/main.ts', { FIRN_CATALOG_PORT: String(catalogPort), FIRN_WAREHOUSE_URL })
    await start('gateway/main.ts', { FIRN_GATEWAY_PORT: String(gatewayPort), FIRN_LOG_URL })
    await runTool(process.execPath, [join(projectDir, 'loadtest/generate/main.ts'), '--quiet', '--url', `http://127.0.0.1:${gatewayPort}`, '--count', String(events), '--rate', '1000'], { what: 'events', env: { FIRN_DATA_DIR: dataDir } })
  } catch (error) {
    await stop()
    throw error
  }
  return { env: { FIRN_DATA_DIR: dataDir, FIRN_CATALOG_URL: `http://127.0.0.1:${catalogPort}`, FIRN_WAREHOUSE_URL, FIRN_LOG_URL, FIRN_WRITER_PORT: String(writerPort) }, stop }
}
