// One service under the supervisor that `npm start` uses: what it says is kept, its restarts are counted, and it goes on
// or is given up exactly as it would at a user's.

import { mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, supervise } from '../../runtime/index.ts'
import { readSaid, type Said } from './sentences.ts'

export type Program = 'catalog' | 'gateway' | 'writer'

const projectDir = resolve(import.meta.dirname, '../..')
const entries: Record<Program, string> = { catalog: 'catalog/server/main.ts', gateway: 'gateway/main.ts', writer: 'writer/main.ts' }
const lookMs = 100

export interface Watched {
  readonly url: string
  /** Everything said so far. */
  said(): Said[]
  /** Starts after the first one. */
  readonly restarts: number
  /** Ended for good, and what the supervisor said about it. */
  readonly givenUp: string | null
  /** The status of /readyz and its reason; 0 when nobody answers. */
  ready(): Promise<{ status: number, reason: string }>
  /** False when it did not come true in time. */
  until(what: () => boolean | Promise<boolean>, msMax: number): Promise<boolean>
  close(): Promise<void>
}

export interface WatchedOptions {
  readonly program: Program
  readonly dataDir: string
  readonly settings: Readonly<Record<string, string>>
  /** A free one when left out. */
  readonly port?: number
}

export async function watchService (options: WatchedOptions): Promise<Watched> {
  const { program, dataDir, settings } = options
  mkdirSync(dataDir, { recursive: true })
  const port = options.port ?? await freePort()
  const logDir = join(dataDir, 'logs')
  const ground = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(FIRN_|AWS_)/.test(name)))
  const supervision = supervise([{
    name: program,
    entry: join(projectDir, entries[program]),
    env: { ...ground, FIRN_DATA_DIR: dataDir, [`FIRN_${program.toUpperCase()}_PORT`]: String(port), ...settings },
    closeMsMax: 5_000
  }], { logDir, closeOrder: [program], say: () => {} })
  let givenUp: string | null = null
  const note = (error: unknown): void => { givenUp ??= (error as Error).message }
  supervision.ready.catch(note)
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    said: () => readSaid(readFileSync(join(logDir, `${program}.log`), 'utf8')),
    get restarts () { return supervision.states()[0]?.restarts ?? 0 },
    get givenUp () {
      const [state] = supervision.states()
      return givenUp ?? (state?.at === 'given up' ? state.reason : null)
    },
    ready: async () => {
      try {
        const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(3_000) })
        return { status: answer.status, reason: await answer.text() }
      } catch {
        return { status: 0, reason: '' }
      }
    },
    until: async (what, msMax) => {
      for (const end = Date.now() + msMax; ;) {
        if (await what()) return true
        if (Date.now() > end) return false
        await sleep(lookMs)
      }
    },
    close: () => supervision.close()
  }
}
