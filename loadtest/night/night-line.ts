// `npm start` as an operator runs it, for one night: own ports, one data folder that is put back to its evening before each
// scenario, a client whose acknowledged events are noted outside of it, and whatever the operator can read: the terminal,
// each service's /readyz, the commands. Ends every process that it started.

import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from '../../runtime/index.ts'
import { openLedger, type Ledger } from '../generate/ledger.ts'
import { verify, type Verdict } from '../verify/verify.ts'

export const projectDir = join(import.meta.dirname, '../..')
const closeMsMax = 20_000
const answerMsMax = 5_000
const lookMs = 100
const printedCharsMax = 200_000

export type Service = 'gateway' | 'catalog' | 'writer' | 'analytics'
export const services: readonly Service[] = ['gateway', 'catalog', 'writer', 'analytics']
const entries: Readonly<Record<Service, string>> = { gateway: 'gateway/main.ts', catalog: 'catalog/server/main.ts', writer: 'writer/main.ts', analytics: 'analytics/main.ts' }

export interface StartOptions {
  readonly flags?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Words before the command, e.g. `['faketime', …]`. */
  readonly prefix?: readonly string[]
  /** Instead of `node start.mjs start`: the whole command. */
  readonly command?: readonly string[]
}

export interface Answer { readonly status: number, readonly text: string }
export interface Ran { readonly code: number, readonly text: string }

export class NightLine {
  readonly root: string
  dataDir: string
  readonly ports: Readonly<Record<Service, number>>
  child: ChildProcess | null = null
  #printed = ''
  #ledger: Ledger
  #evening = ''
  #sent = 0
  #files: string[] = []

  private constructor (root: string, ports: Record<Service, number>) {
    this.root = root
    this.ports = ports
    this.dataDir = join(root, 'data')
    this.#ledger = this.#openLedger('evening')
  }

  /** A line with some events in its table: what every scenario begins with. */
  static async prepare (root: string): Promise<NightLine> {
    mkdirSync(root, { mode: 0o711 })
    const [gateway, catalog, writer, analytics] = await freePorts(4) as [number, number, number, number]
    const line = new NightLine(root, { gateway, catalog, writer, analytics })
    await line.start()
    for (let commit = 0; commit < 3; commit++) {
      await line.post(20)
      await line.untilDrained(60_000)
    }
    await line.until(/analytics \/readyz: 200/, 60_000)
    await line.stop()
    line.#evening = join(root, 'evening')
    cpSync(line.dataDir, line.#evening, { recursive: true, preserveTimestamps: true })
    return line
  }

  /** The folder as it was in the evening, at the path where it lay. */
  begin (name: string): void {
    rmSync(this.dataDir, { recursive: true, force: true })
    this.dataDir = join(this.root, 'data')
    rmSync(this.dataDir, { recursive: true, force: true })
    cpSync(this.#evening, this.dataDir, { recursive: true, preserveTimestamps: true })
    this.#ledger.close()
    this.#files = this.#files.slice(0, 1)
    this.#ledger = this.#openLedger(name.replaceAll(/\W+/g, '-'))
    this.#printed = ''
  }

  /** What the evening kept of a file or folder: the operator's backup. */
  putBack (path: string): void {
    rmSync(join(this.dataDir, path), { recursive: true, force: true })
    cpSync(join(this.#evening, path), join(this.dataDir, path), { recursive: true, preserveTimestamps: true })
  }

  async start (options: StartOptions = {}): Promise<void> {
    await this.launch(options)
    await this.until(/firn is ready after/, 60_000)
  }

  /** Without waiting for it. */
  async launch ({ flags = [], env = {}, prefix = [], command }: StartOptions = {}): Promise<ChildProcess> {
    const words = [...prefix, ...command ?? [process.execPath, join(projectDir, 'start.mjs'), 'start'], ...flags]
    this.#printed = ''
    const child = spawn(words[0]!, words.slice(1), { cwd: projectDir, env: { ...this.settings(), ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { this.#printed = (this.#printed + String(chunk)).slice(-printedCharsMax) })
    this.child = child
    await once(child, 'spawn')
    return child
  }

  /** The whole environment of what is run on this line. */
  settings (): NodeJS.ProcessEnv {
    const ground = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_') && !name.startsWith('npm_')))
    const { gateway, catalog, writer, analytics } = this.ports
    return {
      ...ground, FIRN_DATA_DIR: this.dataDir, FIRN_GATEWAY_PORT: String(gateway), FIRN_CATALOG_PORT: String(catalog), FIRN_WRITER_PORT: String(writer), FIRN_ANALYTICS_PORT: String(analytics), FIRN_WRITER_COMMIT_INTERVAL_MS: '300'
    }
  }

  get printed (): string { return this.#printed }
  get isRunning (): boolean { return this.child !== null && this.child.exitCode === null && this.child.signalCode === null }

  /** Ctrl+C, or another signal; resolves with the exit code. */
  async stop (signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
    const child = this.child
    if (child === null) return null
    if (this.isRunning) {
      const late = setTimeout(() => { this.killAll() }, closeMsMax)
      child.kill(signal)
      await once(child, 'exit')
      clearTimeout(late)
    }
    return child.exitCode
  }

  /** The supervisor and what it started, by their process ids. */
  killAll (): void {
    const pid = this.child?.pid
    if (pid === undefined) return
    for (const one of [...childrenOf(pid).map(({ pid }) => pid), pid]) kill(one, 'SIGKILL')
  }

  /** Resolves when the terminal, a service's /readyz or the exit says something like it; rejects with all that was said. */
  async until (pattern: RegExp, msMax: number): Promise<string> {
    const deadline = Date.now() + msMax
    let said = ''
    for (;;) {
      const isRunning = this.isRunning
      said = await this.said()
      const found = pattern.exec(said)
      if (found !== null) return said.slice(said.lastIndexOf('\n', found.index) + 1).split('\n')[0]!
      if (Date.now() > deadline || !isRunning) throw new Error(`nobody said ${pattern}${isRunning ? '' : ' and the line ended'}; said was:\n${said.split('\n').slice(-25).join('\n')}`)
      await sleep(lookMs)
    }
  }

  /** All that can be read without a command. */
  async said (): Promise<string> {
    const asked = await Promise.all((['gateway', 'writer', 'analytics'] as const).map(async service => `${service} /readyz: ${await this.readyz(service)}`))
    return [this.#printed, ...asked].join('\n')
  }

  async readyz (service: Exclude<Service, 'catalog'>): Promise<string> {
    const { status, text } = await ask(`${this.urlOf(service)}/readyz`)
    return `${status} ${text}`
  }

  urlOf (service: Service): string {
    return `http://127.0.0.1:${this.ports[service]}`
  }

  /** Process id of a service; rejects while it does not run. */
  pidOf (service: Service): number | null {
    return childrenOf(this.child?.pid ?? -1).find(({ command }) => command.includes(entries[service]))?.pid ?? null
  }

  /** Sends one event a request, notes each answer; resolves with the answers. */
  async post (count: number): Promise<Answer[]> {
    const ids = Array.from({ length: count }, () => `night-${process.pid}-${this.#sent++}`)
    const answers = await Promise.all(ids.map(async event_id => {
      const answer = await ask(`${this.urlOf('gateway')}/v1/events`, JSON.stringify({
        event_id, event_type: 'page_view', timestamp: new Date().toISOString(), session_id: event_id, url: 'https://shop.example/'
      }))
      return answer
    }))
    const by = (status: (status: number) => boolean): string[] => ids.filter((_, i) => status(answers[i]!.status))
    this.#ledger.note({ acked: by(status => status === 202), unknown: by(status => status !== 202) })
    return answers
  }

  /** Until the writer says that nothing waits in the log. */
  async untilDrained (msMax: number): Promise<void> {
    const deadline = Date.now() + msMax
    for (;;) {
      const verdict = await this.verify().catch((error: unknown) => error as Error)
      if (!(verdict instanceof Error) && verdict.lag === 0n) return
      if (Date.now() > deadline) throw new Error(`records still wait in the log after ${msMax} ms: ${verdict instanceof Error ? verdict.message : String(verdict.lag)}; said was:\n${(await this.said()).split('\n').slice(-25).join('\n')}`)
      await sleep(300)
    }
  }

  /** Resolves when the line ended by itself. */
  async ended (): Promise<void> {
    const child = this.child!
    if (this.isRunning) await once(child, 'exit', { signal: AbortSignal.timeout(closeMsMax) })
  }

  /** Against what clients were told; `evening`: before the scenario began. */
  async verify ({ evening = false } = {}): Promise<Verdict> {
    const folder = (name: string): string => `file://${join(this.dataDir, name)}`
    return await verify({
      ledger: evening ? this.#files.slice(0, 1) : this.#files, drained: false, FIRN_DATA_DIR: this.dataDir, FIRN_CATALOG_URL: this.urlOf('catalog'), FIRN_WAREHOUSE_URL: folder('warehouse'), FIRN_LOG_URL: folder('log'), FIRN_LOG_TOPICS: ['ecommerce_events'], FIRN_EVENT_AGE_DAYS_MAX: 7
    })
  }

  /** `npm run <task> -- …` against this folder. */
  async command (task: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    return await new Promise(resolve => {
      execFile(process.execPath, [join(projectDir, 'start.mjs'), task, ...args], { cwd: projectDir, env: { ...this.settings(), ...env }, timeout: 90_000 }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), text: stdout + stderr })
      })
    })
  }

  async end (): Promise<void> {
    await this.stop()
    this.#ledger.close()
  }

  #openLedger (name: string): Ledger {
    const file = join(this.root, 'ledgers', `ledger-${name}.ndjson`)
    mkdirSync(join(this.root, 'ledgers'), { recursive: true })
    this.#files.push(file)
    return openLedger(file)
  }
}

async function ask (url: string, body?: string): Promise<Answer> {
  try {
    const answer = await fetch(url, { ...body === undefined ? {} : { method: 'POST', body, headers: { 'content-type': 'application/json' } }, signal: AbortSignal.timeout(answerMsMax) })
    return { status: answer.status, text: await answer.text() }
  } catch (error) {
    return { status: 0, text: (error as Error).message }
  }
}

export function childrenOf (pid: number): Array<{ pid: number, command: string }> {
  return readdirSync('/proc').filter(name => /^\d+$/.test(name)).flatMap(name => {
    try {
      const parent = Number(readFileSync(`/proc/${name}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')[1])
      return parent === pid ? [{ pid: Number(name), command: readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ') }] : []
    } catch {
      return []
    }
  })
}

export function kill (pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
