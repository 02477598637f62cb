// `npm start` as somebody would run it, in a folder and on ports of its own; ended as by Ctrl+C.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from '../runtime/index.ts'

const root = join(import.meta.dirname, '..')
const closeMsMax = 15_000

export interface NpmLine {
  readonly pid: number
  readonly gatewayUrl: string
  readonly catalogUrl: string
  readonly writerUrl: string
  readonly queryUrl: string
  readonly dataDir: string
  /** Whether it is still there. */
  isRunning(): boolean
  printed(): string
  /** Its exit code. */
  end(): Promise<number | null>
}

export interface NpmLineOptions {
  readonly dataDir: string
  readonly readyMsMax: number
  readonly flags?: readonly string[]
  readonly settings?: Readonly<Record<string, string>>
}

export async function startNpmLine ({ dataDir, readyMsMax, flags = [], settings = {} }: NpmLineOptions): Promise<NpmLine> {
  const [gateway, catalog, writer, analytics] = await freePorts(4)
  const ground = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_')))
  const ports = ['--gateway-port', String(gateway), '--catalog-port', String(catalog), '--writer-port', String(writer), '--analytics-port', String(analytics)]
  const child = spawn(process.execPath, [join(root, 'start.mjs'), 'start', ...flags, ...ports], {
    cwd: root, env: { ...ground, ...settings, FIRN_DATA_DIR: dataDir }, stdio: ['ignore', 'pipe', 'pipe']
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { printed = (printed + String(chunk)).slice(-200_000) })
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null
  const end = async (): Promise<number | null> => {
    if (!isRunning()) return child.exitCode
    const late = setTimeout(() => { child.kill('SIGKILL') }, closeMsMax)
    child.kill('SIGINT')
    await once(child, 'close')
    clearTimeout(late)
    return child.exitCode
  }
  const deadline = Date.now() + readyMsMax
  while (!printed.includes('firn is ready after')) {
    if (Date.now() > deadline || !isRunning()) {
      await end()
      throw new Error(`npm start was not ready within ${readyMsMax} ms:\n${printed.split('\n').slice(-10).join('\n')}`)
    }
    await sleep(50)
  }
  const urlOf = (port: number | undefined): string => `http://127.0.0.1:${port}`
  return { pid: child.pid!, gatewayUrl: urlOf(gateway), catalogUrl: urlOf(catalog), writerUrl: urlOf(writer), queryUrl: urlOf(analytics), dataDir, isRunning, printed: () => printed, end }
}
