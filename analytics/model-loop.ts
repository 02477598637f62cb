// Runs the models for as long as the service runs: looks whether the events have a new snapshot, and once in a while anyway,
// since models that are slow or failed wait for their time. What cannot be reached is tried again, more and more patiently.

import { setTimeout as sleep } from 'node:timers/promises'
import { isCatalogError, mainSnapshotId, type Catalog } from '../catalog/index.ts'
import { sentenceOf, type Logger } from '../runtime/index.ts'
import type { ModelMetrics } from './model-metrics.ts'
import type { ModelRun, Runner } from './runner/index.ts'

const eventsId = { namespace: ['firn'], name: 'events' }
const backoffMsMax = 30_000

export interface ModelLoopParts {
  readonly catalog: Pick<Catalog, 'loadTable'>
  readonly runner: Runner
  /** Before the first cycle, and again as long as it throws. */
  readonly prepare: () => Promise<void>
  readonly afterCycle: (runs: readonly ModelRun[]) => void
  readonly logger: Pick<Logger, 'info' | 'warn'>
  readonly metrics: ModelMetrics
  readonly lookMs: number
  readonly slowMs: number
  readonly signal: AbortSignal
}

export class ModelLoop {
  readonly #parts: ModelLoopParts
  #error: unknown = null

  constructor (parts: ModelLoopParts) {
    this.#parts = parts
  }

  /** What keeps the models from being run; null: nothing. */
  get error (): unknown {
    return this.#error
  }

  /** Resolves after `signal`. */
  async run (): Promise<void> {
    const { signal, lookMs, logger } = this.#parts
    let prepared = false
    let failures = 0
    let seen: bigint | null = null
    let ranMs = -Infinity
    while (!signal.aborted) {
      try {
        const snapshotId = await this.#eventsSnapshot()
        const isSlowDue = performance.now() - ranMs >= this.#parts.slowMs
        if (snapshotId !== null && (snapshotId !== seen || isSlowDue)) {
          if (!prepared) await this.#parts.prepare()
          prepared = true
          if (isSlowDue) ranMs = performance.now()
          await this.#cycle()
          seen = snapshotId
        }
        if (this.#error !== null) logger.info('the models go on')
        this.#error = null
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        if (failures++ === 0) logger.warn({ err: error }, `the models cannot be run: ${sentenceOf(error)}; it is tried again`)
        this.#error = error
      }
      await sleep(failures === 0 ? lookMs : Math.min(backoffMsMax, lookMs * 2 ** Math.min(failures, 10)), undefined, { signal }).catch(() => undefined)
    }
  }

  async #cycle (): Promise<void> {
    const began = performance.now()
    const runs = await this.#parts.runner.cycle()
    this.#parts.metrics.ran(runs, performance.now() - began)
    this.#parts.afterCycle(runs)
  }

  /** Null before the writer has made the table and its first snapshot. */
  async #eventsSnapshot (): Promise<bigint | null> {
    try {
      return mainSnapshotId((await this.#parts.catalog.loadTable(eventsId)).metadata)
    } catch (error) {
      if (isCatalogError(error, 'CATALOG_NO_SUCH_TABLE')) return null
      throw error
    }
  }
}
