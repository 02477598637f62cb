// Runs the models for as long as the service runs: the rules and models of an hour whenever the events have a new snapshot, the
// slow ones once in a while, and these give way as soon as the next snapshot is there. What cannot be reached is tried again,
// more and more patiently.

import { setTimeout as sleep } from 'node:timers/promises'
import { isCatalogError, mainSnapshotId, type Catalog } from '../catalog/index.ts'
import { sentenceOf, type Logger } from '../runtime/index.ts'
import type { ModelMetrics } from './model-metrics.ts'
import type { CycleOptions, ModelRun, Runner } from './runner/index.ts'

const eventsId = { namespace: ['firn'], name: 'events' }
const backoffMsMax = 30_000
// A line with nothing to do should cost next to nothing.
const quietAfterMs = 60_000

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
  /** The events' snapshot at the last look. */
  #seen: bigint | null = null
  #changedMsAt = -Infinity
  /** Something waits for the next cycle: slow models that gave way, or all of them after a failure. */
  #left = false

  constructor (parts: ModelLoopParts) {
    this.#parts = parts
  }

  /** What keeps the models from being run; null: nothing. */
  get error (): unknown {
    return this.#error
  }

  /** Resolves after `signal`. */
  async run (): Promise<void> {
    const { signal, lookMs, slowMs, logger } = this.#parts
    let prepared = false
    let failures = 0
    let slowMsAt = -Infinity
    while (!signal.aborted) {
      try {
        const isNew = await this.#isNew()
        const isSlowDue = performance.now() - slowMsAt >= slowMs
        if (this.#seen !== null && (isNew || isSlowDue || this.#left)) {
          if (!prepared) await this.#parts.prepare()
          prepared = true
          // Rules first, and told at once: what they find cannot wait for the slow models.
          await this.#cycle({ minute: false })
          if (isSlowDue) slowMsAt = performance.now()
          if (isSlowDue || this.#left) {
            this.#left = false
            await this.#cycle({ giveWay: async () => this.#left ||= signal.aborted || await this.#isNew() })
          }
        }
        if (this.#error !== null) logger.info('the models go on')
        this.#error = null
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        if (failures++ === 0) logger.warn({ err: error }, `the models cannot be run: ${sentenceOf(error)}; it is tried again`)
        this.#error = error
        this.#left = true
      }
      if (failures === 0 && this.#left) continue
      const usualMs = performance.now() - this.#changedMsAt < quietAfterMs ? lookMs : 2 * lookMs
      await sleep(failures === 0 ? usualMs : Math.min(backoffMsMax, lookMs * 2 ** Math.min(failures, 10)), undefined, { signal }).catch(() => undefined)
    }
  }

  async #cycle (options: CycleOptions): Promise<void> {
    const began = performance.now()
    const runs = await this.#parts.runner.cycle(options)
    this.#parts.metrics.ran(runs, performance.now() - began)
    this.#parts.afterCycle(runs)
  }

  /** Whether the events have another snapshot than at the last look. */
  async #isNew (): Promise<boolean> {
    const snapshotId = await this.#eventsSnapshot()
    const isNew = snapshotId !== this.#seen
    if (isNew) this.#changedMsAt = performance.now()
    this.#seen = snapshotId
    return isNew
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
