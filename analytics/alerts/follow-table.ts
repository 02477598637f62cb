// What the followers of tables share: they are told that something may have changed, look once at a time, and look again
// after a while when it did not work or when the outbox had no room. Nothing is lost by that: the table is the outbox.

import { setTimeout as sleep } from 'node:timers/promises'
import { isCatalogError, mainSnapshotId, type Catalog, type TableIdentifier } from '../../catalog/index.ts'
import type { Logger } from '../../runtime/index.ts'
import type { QueryEngine } from '../query/engine.ts'
import { typedRows, type TypedRow } from '../query/typed-row.ts'

/** Until the outbox has sent something. */
const roomMs = 250
const retryMsMin = 1000
const retryMsMax = 60_000

export interface Follower {
  /** Something may have changed. Returns at once. */
  look(): void
  /** Resolves when everything that was asked for has been looked at; rejects with the failure of the last look. */
  settled(): Promise<void>
  close(): Promise<void>
}

/** `lookOnce` resolves true when there is more than there was room for. */
export function follow (what: string, lookOnce: () => Promise<boolean>, logger: Pick<Logger, 'warn'>): Follower {
  const closing = new AbortController()
  let isWanted = false
  let running: Promise<void> = Promise.resolve()
  let isRunning = false
  let failure: unknown
  const again = async (ms: number): Promise<void> => {
    isWanted = true
    await sleep(ms, undefined, { signal: closing.signal }).catch(() => {})
  }
  const run = async (): Promise<void> => {
    let waitMs = retryMsMin
    while (isWanted && !closing.signal.aborted) {
      isWanted = false
      try {
        const isMore = await lookOnce()
        failure = undefined
        waitMs = retryMsMin
        if (isMore) await again(roomMs)
      } catch (error) {
        failure = error
        logger.warn({ err: error, waitMs }, `${what} could not be looked at: they are looked at again`)
        await again(waitMs)
        waitMs = Math.min(waitMs * 2, retryMsMax)
      }
    }
    isRunning = false
  }
  return {
    look: () => {
      isWanted = true
      if (isRunning) return
      isRunning = true
      running = run()
    },
    settled: async () => {
      await running
      if (failure !== undefined) throw failure
    },
    close: async () => {
      closing.abort()
      await running
    }
  }
}

/** Rows of a statement, a run at a time. */
export async function * rowsOf (engine: QueryEngine, sql: string, asOf: bigint | null): AsyncGenerator<readonly TypedRow[]> {
  yield * typedRows(await engine.query(sql, asOf === null ? {} : { asOf: asOf.toString() }))
}

/** Null where the table is not there yet, or has no snapshot. */
export async function snapshotOf (catalog: Pick<Catalog, 'loadTable'>, table: TableIdentifier): Promise<bigint | null> {
  try {
    return mainSnapshotId((await catalog.loadTable(table)).metadata)
  } catch (error) {
    if (isCatalogError(error, 'CATALOG_NO_SUCH_TABLE') || isCatalogError(error, 'CATALOG_NO_SUCH_NAMESPACE')) return null
    throw error
  }
}
