// For tests: a spooling log on a real spool in a folder, in front of a real embedded log with faults; it can be killed (it falls
// silent without closing anything) and started again over the same folder.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { openLog, type Log, type LogRecord } from '../../log/index.ts'
import { createLogger } from '../../runtime/index.ts'
import type { EventLog } from '../event-log.ts'
import { readRecords, type StoredRecord } from '../started-gateway.ts'
import { FaultyLog } from './faulty-log.ts'
import { KeyCounts } from './key-counts.ts'
import { Spool } from './spool.ts'
import { SpoolingLog, type SpoolLimits } from './spooling-log.ts'

/** Names of this process: on shared servers they are nobody else's. */
export const topic = `spool-events-${process.pid}-${Date.now().toString(36)}`
export const otherTopic = `${topic}-orders`

export interface StartedSpool {
  readonly spooling: SpoolingLog
  /** As the gateway has it for its metrics. */
  readonly stored: () => Promise<{ readonly bytes: number, readonly bytesMax: number }>
  readonly target: FaultyLog
  /** What the target has, in the order of its partition. */
  landed(topic?: string): Promise<StoredRecord[]>
  /** As kill -9: nothing is closed or finished; what was sent to the target may still land. Then a new one over the same folder. */
  killAndStart(): Promise<void>
  /** Closed in order, then a new one over the same folder. */
  restart(): Promise<void>
  untilStraight(msMax?: number): Promise<void>
}

export interface StartSpoolOptions extends Partial<SpoolLimits> {
  readonly keysMax?: number
  readonly answerMsMax?: number
  readonly random?: () => number
  /** The log behind; an embedded one in the same folder when not given. */
  readonly openTarget?: () => Promise<Log>
  /** What stands before it, with faults of its own. */
  readonly target?: EventLog
}

export async function startSpool (t: { after: (fn: () => Promise<void>) => unknown }, options: StartSpoolOptions = {}): Promise<StartedSpool> {
  const folder = await mkdtemp(join(tmpdir(), 'firn-spool-'))
  const {
    bytesMax = 64 * 1024 * 1024, answerMsMax = 60, keysMax = 1000, random, target: front,
    openTarget = async () => await openLog(pathToFileURL(join(folder, 'target')).href, { partitions: 1 }), ...limits
  } = options
  const log = await openTarget()
  for (const each of [topic, otherTopic]) await log.ensureTopic(each)
  const start = async (): Promise<{ target: FaultyLog, spooling: SpoolingLog, stored: StartedSpool['stored'], silence: () => Promise<void> }> => {
    const spoolLog = await openLog(pathToFileURL(join(folder, 'spool')).href, { partitions: 1, bytesMax, retentionMs: 0, retentionEveryMs: 50 })
    const target = new FaultyLog(front ?? log, answerMsMax, random)
    const { mortal, die } = makeMortal(spoolLog)
    const keys = new KeyCounts(keysMax)
    const spool = await Spool.open(mortal, key => { keys.add(key) })
    const spooling = new SpoolingLog(target, spool, keys, { bytesMax, afterMs: 40, ...limits }, createLogger('gateway', 'silent'))
    return { target, spooling, stored: async () => await spoolLog.stored!(), silence: async () => {
        target.die()
        die()
        // Within one process two environments over the same file would wait for one another: what is under way ends first, unheard.
        await spoolLog.close()
      } }
  }
  let running = await start()
  const dead: FaultyLog[] = []
  t.after(async () => {
    await running.spooling.close()
    await Promise.all([...dead, running.target].map(async each => { await each.settled() }))
    await log.close()
    await rm(folder, { recursive: true, force: true })
  })
  return {
    get spooling () { return running.spooling },
    get target () { return running.target },
    stored: async () => await running.stored(),
    landed: async (which = topic) => {
      await Promise.all([...dead, running.target].map(async each => { await each.settled() }))
      return await readRecords(log, which)
    },
    killAndStart: async () => {
      dead.push(running.target)
      await running.silence()
      running = await start()
    },
    restart: async () => {
      dead.push(running.target)
      await running.spooling.close()
      running = await start()
    },
    untilStraight: async (msMax = 5000) => {
      const endMs = performance.now() + msMax
      while (running.spooling.status().state !== 'straight') {
        if (performance.now() > endMs) throw new Error(`still ${JSON.stringify(running.spooling.status())}`)
        await new Promise(resolve => setTimeout(resolve, 5))
      }
    }
  }
}

export function recordOf (key: string, value: string, more: Partial<LogRecord> = {}): LogRecord {
  return { topic, key, value: Buffer.from(value), headers: { received_at: '1700000000000000', source: 'gateway' }, timestampMs: 1_700_000_000_000, ...more }
}

/** A log whose calls never come back once it is dead, as if the process that called them were gone. */
function makeMortal (log: Log): { mortal: Log, die: () => void } {
  let dead = false
  const never = new Promise<never>(() => {})
  const guard = <T extends object> (object: T): T => new Proxy(object, {
    get (_, name) {
      const member = (object as Record<string | symbol, unknown>)[name]
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => {
        if (dead) return never
        const result = (member as (...args: unknown[]) => unknown).apply(object, args)
        if (!(result instanceof Promise)) return result
        return result.then(
          async value => dead ? await never : name === 'open' ? guard(value as object) : value,
          async (error: unknown) => { if (dead) await never; throw error })
      }
    }
  })
  return { mortal: guard(log), die: () => { dead = true } }
}
