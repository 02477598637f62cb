// The line under test: the real services as processes of this one, on free ports and a folder of their own.
// Each process can be killed and started again by name; what they print is kept in files beside the data.
// Nothing outside the folder is touched, and `stop` ends every process that `startLine` began.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { catalogServerSettings } from '../catalog/server/config.ts'
import { gatewaySettings } from '../gateway/config.ts'
import { freePorts } from '../runtime/index.ts'
import { writerSettings } from '../writer/config.ts'

/** `writer-2`, `writer-3`, … are further writers of the same line. */
export type ServiceName = 'catalog' | 'gateway' | 'writer' | `writer-${number}`
type Program = 'catalog' | 'gateway' | 'writer'

const projectDir = resolve(import.meta.dirname, '..')
const entries: Record<Program, string> = { catalog: 'catalog/server/main.ts', gateway: 'gateway/main.ts', writer: 'writer/main.ts' }
const known: Record<Program, object> = { catalog: catalogServerSettings.properties, gateway: gatewaySettings.properties, writer: writerSettings.properties }
const readyMsMax = 30_000
const closeMsMax = 15_000

export interface LineOptions {
  /** A folder of its own; it becomes FIRN_DATA_DIR. */
  readonly dataDir: string
  /** Other parts than the embedded ones: FIRN_LOG_URL, FIRN_CATALOG_URL, FIRN_WAREHOUSE_URL and what belongs to them; each service gets those that it knows. */
  readonly backends?: Readonly<Record<string, string>>
  /** Settings beside ports and addresses, per service. */
  readonly settings?: Readonly<Partial<Record<ServiceName, Record<string, string>>>>
  /** Words before the program, e.g. a fault injector: `['fiu-run', '-x', …]`. */
  readonly prefix?: Partial<Record<ServiceName, readonly string[]>>
  readonly nodeFlags?: Partial<Record<ServiceName, readonly string[]>>
  /** Where the program of a service lies, asked at each start; this checkout when it is left out. */
  readonly checkoutOf?: (name: ServiceName) => string
}

export interface Line {
  readonly dataDir: string
  readonly gatewayUrl: string
  readonly catalogUrl: string
  readonly writerUrl: string
  readonly warehouseUrl: string
  readonly logUrl: string
  /** Starts a service and resolves when it says that it is ready. Rejects with what it printed when it ends before. */
  start(name: ServiceName, flags?: readonly string[]): Promise<ChildProcess>
  /** Starts a service and does not wait. */
  launch(name: ServiceName, flags: readonly string[]): ChildProcess
  /** Runs a service that ends by itself (`writer --until-end`); resolves with its exit code. */
  run(name: ServiceName, flags: readonly string[]): Promise<number>
  kill(name: ServiceName, signal?: NodeJS.Signals): Promise<void>
  process(name: ServiceName): ChildProcess | undefined
  /** Everything that the service printed so far. */
  printed(name: ServiceName): string
  stop(): Promise<void>
}

export async function startLine (options: LineOptions): Promise<Line> {
  const { dataDir } = options
  mkdirSync(dataDir, { recursive: true })
  const [gatewayPort, catalogPort, writerPort] = await freePorts(3)
  const { backends = {} } = options
  const urls = {
    gatewayUrl: `http://127.0.0.1:${gatewayPort}`,
    catalogUrl: backends.FIRN_CATALOG_URL ?? `http://127.0.0.1:${catalogPort}`,
    writerUrl: `http://127.0.0.1:${writerPort}`,
    warehouseUrl: backends.FIRN_WAREHOUSE_URL ?? `file://${join(dataDir, 'warehouse')}`,
    logUrl: backends.FIRN_LOG_URL ?? `file://${join(dataDir, 'log')}`
  }
  const settings: Record<Program, Record<string, string>> = {
    catalog: { FIRN_CATALOG_PORT: String(catalogPort), FIRN_WAREHOUSE_URL: urls.warehouseUrl },
    gateway: { FIRN_GATEWAY_PORT: String(gatewayPort), FIRN_LOG_URL: urls.logUrl },
    writer: { FIRN_WRITER_PORT: String(writerPort), FIRN_LOG_URL: urls.logUrl, FIRN_CATALOG_URL: urls.catalogUrl, FIRN_WAREHOUSE_URL: urls.warehouseUrl }
  }
  const running = new Map<ServiceName, ChildProcess>()
  const outputOf = (name: ServiceName): string => join(dataDir, `${name}.out`)

  const launch = (name: ServiceName, flags: readonly string[]): ChildProcess => {
    const program = programOf(name)
    const own = name === program ? {} : { FIRN_WRITER_PORT: '0', FIRN_WRITER_STAGING_DIR: join(dataDir, name) }
    const shared = Object.fromEntries(Object.entries(backends).filter(([setting]) => setting in known[program]))
    const checkout = options.checkoutOf?.(name) ?? projectDir
    const words = [...options.prefix?.[name] ?? [], process.execPath, ...options.nodeFlags?.[name] ?? [], join(checkout, entries[program]), ...flags]
    const output = openSync(outputOf(name), 'a')
    const child = spawn(words[0] as string, words.slice(1), {
      cwd: checkout,
      env: { ...withoutSettings(process.env), FIRN_DATA_DIR: dataDir, ...shared, ...settings[program], ...own, ...options.settings?.[program], ...options.settings?.[name] },
      stdio: ['ignore', output, output, 'ipc']
    })
    closeSync(output)
    running.set(name, child)
    child.once('exit', () => { if (running.get(name) === child) running.delete(name) })
    return child
  }

  const kill = async (name: ServiceName, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    const child = running.get(name)
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill(signal)
    const late = setTimeout(() => child.kill('SIGKILL'), closeMsMax)
    await gone
    clearTimeout(late)
  }

  return {
    dataDir,
    ...urls,
    launch,
    start: async (name, flags = []) => {
      const child = launch(name, flags)
      await untilReady(name, child, () => readFileSync(outputOf(name), 'utf8'))
      return child
    },
    run: async (name, flags) => {
      const child = launch(name, flags)
      const [code] = await once(child, 'exit') as [number | null]
      return code ?? -1
    },
    kill,
    process: name => running.get(name),
    printed: name => readFileSync(outputOf(name), 'utf8'),
    stop: async () => {
      for (const program of ['gateway', 'writer', 'catalog'] as const) await Promise.all([...running.keys()].filter(name => programOf(name) === program).map(name => kill(name)))
    }
  }
}

function programOf (name: ServiceName): Program {
  return name.startsWith('writer') ? 'writer' : name as Program
}

function untilReady (name: ServiceName, child: ChildProcess, printed: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (what: string): void => {
      reject(new Error(`${name} ${what}; it printed:\n${printed().split('\n').slice(-15).join('\n')}`))
    }
    const late = setTimeout(() => fail(`was not ready within ${readyMsMax} ms`), readyMsMax)
    child.on('message', message => {
      if ((message as { ready?: boolean }).ready !== true) return
      clearTimeout(late)
      resolve()
    })
    child.once('exit', code => {
      clearTimeout(late)
      fail(`ended with code ${code} before it was ready`)
    })
  })
}

function withoutSettings (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('FIRN_')))
}
