// What the gateways refused, hour by hour, as the table analytics.ref_refused_events: refused events are in no log, so nothing else
// brings them to who looks at the quality of data. Gateways keep counts of their last two days and name themselves over
// restarts; what they say replaces what was known of them, so that asking twice counts nothing twice, and what they have
// forgotten stays. Bounded: the oldest hours go first.

import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { isCatalogError, type Catalog, type Storage } from '../../catalog/index.ts'
import type { Logger } from '../../runtime/index.ts'
import type { QueryEngine } from '../query/engine.ts'
import { typedRows } from '../query/typed-row.ts'
import { refusedEvents } from './declaration.ts'
import { replaceReference } from './load.ts'

const answerMsMax = 3000
const everyMsUsual = 60_000
const rowsMax = 100_000
const hoursAnswerMax = 50_000

export interface CollectOptions {
  readonly catalog: Catalog
  readonly storage: Storage
  readonly engine: QueryEngine
  /** Addresses of gateways, and of others, which have no such answer. */
  readonly urls: () => Promise<readonly string[]>
  readonly logger: Pick<Logger, 'warn'>
  readonly everyMs?: number
}

export interface Collector {
  /** Asks now, and writes what is new. */
  collect(): Promise<void>
  close(): Promise<void>
}

type Row = [hour: string, gateway: string, code: string, key: string | null, events: string]

export function collectRefusals ({ catalog, storage, engine, urls, logger, everyMs = everyMsUsual }: CollectOptions): Collector {
  const closing = new AbortController()
  let known: Map<string, Row> | null = null
  const collect = async (): Promise<void> => {
    const told = (await Promise.all((await urls()).map(async url => await ask(url, closing.signal)))).flat()
    if (told.length === 0) return
    known ??= await isThere(catalog) ? await read(engine) : new Map()
    const rows = new Map(known)
    let isNew = false
    for (const row of told) {
      const name = JSON.stringify(row.slice(0, 4))
      if (rows.get(name)?.[4] === row[4]) continue
      rows.set(name, row)
      isNew = true
    }
    if (!isNew) return
    const kept = [...rows].sort(([, [a]], [, [b]]) => a < b ? -1 : a > b ? 1 : 0).slice(-rowsMax)
    try {
      await replaceReference(catalog, storage, refusedEvents, kept.map(([, row]) => row), createHash('sha256').update(JSON.stringify(kept)).digest('hex'))
      known = new Map(kept)
    } catch (error) {
      // Somebody else may have written it: read anew the next time.
      known = null
      throw error
    }
  }
  const run = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      await collect().catch((error: unknown) => { if (!closing.signal.aborted) logger.warn({ err: error }, 'what the gateways refused could not be kept: it is asked again') })
      await sleep(everyMs, undefined, { signal: closing.signal }).catch(() => undefined)
    }
  }
  const running = run()
  return {
    collect,
    close: async () => {
      closing.abort()
      await running
    }
  }
}

/** None of a service that is away, or is no gateway. What is not as it should be is left out. */
async function ask (url: string, signal: AbortSignal): Promise<Row[]> {
  try {
    const answer = await fetch(`${url}/v1/refusals/hours`, { signal: AbortSignal.any([signal, AbortSignal.timeout(answerMsMax)]) })
    if (!answer.ok) return []
    const { gateway, hours } = await answer.json() as { gateway?: unknown, hours?: unknown }
    if (typeof gateway !== 'string' || gateway.length > 64 || !Array.isArray(hours)) return []
    return hours.slice(0, hoursAnswerMax).flatMap(one => {
      const { hour, code, key, events } = (one ?? {}) as Record<string, unknown>
      const isRight = typeof hour === 'string' && /^\d{4}-\d\d-\d\dT\d\d:00:00Z$/.test(hour) && typeof code === 'string' && code.length <= 64 &&
        (key === null || (typeof key === 'string' && key.length <= 200)) && Number.isSafeInteger(events) && (events as number) > 0
      return isRight ? [[hour, gateway, code, key, String(events)] as Row] : []
    })
  } catch {
    return []
  }
}

/** Before the first event nothing has made it: then it is made with the first refusal. */
async function isThere (catalog: Catalog): Promise<boolean> {
  const [namespace, name] = refusedEvents.table.split('.') as [string, string]
  try {
    await catalog.loadTable({ namespace: [namespace], name })
    return true
  } catch (error) {
    if (isCatalogError(error, 'CATALOG_NO_SUCH_TABLE') || isCatalogError(error, 'CATALOG_NO_SUCH_NAMESPACE')) return false
    throw error
  }
}

async function read (engine: QueryEngine): Promise<Map<string, Row>> {
  const rows = new Map<string, Row>()
  const sql = 'select r.hour, r.gateway, r.code, r.write_key, r.events from analytics.ref_refused_events r'
  for await (const run of typedRows(await engine.query(sql))) {
    for (const row of run) {
      const hour = row.time('hour')!.toISOString().replace('.000Z', 'Z')
      const found: Row = [hour, row.text('gateway') ?? '', row.text('code') ?? '', row.text('write_key'), String(row.number('events') ?? 0)]
      rows.set(JSON.stringify(found.slice(0, 4)), found)
    }
  }
  return rows
}
