// The writers of one group on one line: who is alive, and whether the partitions have settled on them, seen from the table
// only: since the last change each partition was committed, by a live writer, and each live writer has committed.

import { setTimeout as sleep } from 'node:timers/promises'
import { connectCatalog, isCatalogError, type TableMetadata } from '../../catalog/index.ts'
import { fail } from '../errors.ts'
import type { Line, ServiceName } from '../line.ts'
import { ownersSince, rangesTaken, type Epoch } from './owners.ts'

const settleMsMax = 150_000
const lookMs = 300

export class WriterGroup {
  readonly epochs: Epoch[] = []
  readonly #line: Line
  readonly #partitions: number
  readonly #alive = new Map<ServiceName, number>()
  #numbers = 0

  constructor (line: Line, partitions: number) {
    this.#line = line
    this.#partitions = partitions
  }

  get alive (): ServiceName[] {
    return [...this.#alive.keys()]
  }

  /** Starts a writer that was not there before. */
  async add (): Promise<ServiceName> {
    const name: ServiceName = ++this.#numbers === 1 ? 'writer' : `writer-${this.#numbers}`
    const child = await this.#line.start(name)
    this.#alive.set(name, child.pid as number)
    return name
  }

  /** Ends a writer; resolves with its exit code, null after a kill. */
  async end (name: ServiceName, signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#line.process(name)
    await this.#line.kill(name, signal)
    this.#alive.delete(name)
    return child?.exitCode ?? null
  }

  /** Does something to the group and waits until it has settled; the milliseconds of that. What the table holds before is the epoch before. */
  async change (name: string, changes: number, act: () => Promise<void>): Promise<number> {
    const before = (await this.metadata())?.['last-sequence-number'] ?? 0n
    this.#closeEpoch(before)
    const startedMs = performance.now()
    await act()
    this.epochs.push({ name, upTo: -1n, changes })
    for (const end = Date.now() + settleMsMax; ;) {
      const open = this.#unsettled(await this.metadata(), before)
      if (open === null) return Math.round(performance.now() - startedMs)
      if (Date.now() > end) throw fail('REBALANCE_UNSETTLED', { when: name, seconds: settleMsMax / 1000, reason: open })
      await sleep(lookMs)
    }
  }

  /** The history ends here. */
  async finish (): Promise<void> {
    this.#closeEpoch((await this.metadata())?.['last-sequence-number'] ?? 0n)
  }

  async metadata (table = 'events'): Promise<TableMetadata | null> {
    try {
      return (await connectCatalog(this.#line.catalogUrl).loadTable({ namespace: ['firn'], name: table })).metadata
    } catch (error) {
      if (isCatalogError(error, 'CATALOG_NO_SUCH_TABLE')) return null
      throw error
    }
  }

  #closeEpoch (upTo: bigint): void {
    const last = this.epochs.at(-1)
    if (last !== undefined) this.epochs[this.epochs.length - 1] = { ...last, upTo }
  }

  /** What is still open, or null. A writer's id holds its pid between slashes. */
  #unsettled (metadata: TableMetadata | null, since: bigint): string | null {
    const dead = this.alive.find(name => this.#line.process(name) === undefined)
    if (dead !== undefined) throw fail('REBALANCE_WRITER_DIED', { writer: dead, lastWords: this.#line.printed(dead).trimEnd().split('\n').at(-1) })
    if (metadata === null) return 'there is no table yet'
    const owners = ownersSince(rangesTaken(metadata), since)
    if (owners.size < this.#partitions) return `${this.#partitions - owners.size} partitions were not committed since`
    const pids = new Set([...owners.values()].map(owner => Number(owner.split('/').at(-2))))
    const stranger = [...pids].find(pid => ![...this.#alive.values()].includes(pid))
    if (stranger !== undefined) return `process ${stranger}, which is gone, was the last to commit a partition`
    const idle = [...this.#alive].find(([, pid]) => !pids.has(pid))
    return idle === undefined ? null : `${idle[0]} holds no partition that was committed last by it`
  }
}
