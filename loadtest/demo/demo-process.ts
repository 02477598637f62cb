// `npm start -- --demo` as somebody would run it, in a folder and on ports of its own; ended as by Ctrl+C.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from '../../runtime/index.ts'

const root = join(import.meta.dirname, '../..')
const closeMsMax = 15_000

export interface DemoProcess {
  readonly gatewayUrl: string
  readonly queryUrl: string
  readonly mailboxDir: string
  /** Whether it is still there. */
  isRunning(): boolean
  printed(): string
  /** Its exit code. */
  end(): Promise<number | null>
}

export async function startDemo (dataDir: string, eventsPerSecond: number, readyMsMax: number): Promise<DemoProcess> {
  const [gateway, catalog, writer, analytics] = await freePorts(4)
  const ground = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_')))
  const child = spawn(process.execPath, [join(root, 'start.mjs'), 'start', '--demo', '--rate', String(eventsPerSecond), '--gateway-port', String(gateway), '--catalog-port', String(catalog), '--writer-port', String(writer), '--analytics-port', String(analytics)], {
    cwd: root, env: { ...ground, FIRN_DATA_DIR: dataDir }, stdio: ['ignore', 'pipe', 'pipe']
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
      throw new Error(`the demo was not ready within ${readyMsMax} ms:\n${printed.split('\n').slice(-10).join('\n')}`)
    }
    await sleep(50)
  }
  return { gatewayUrl: `http://127.0.0.1:${gateway}`, queryUrl: `http://127.0.0.1:${analytics}`, mailboxDir: join(dataDir, 'mailbox'), isRunning, printed: () => printed, end }
}
