// The writer's reader of the log, held over its sessions. A writer that loses a race starts over from the table; if it left
// and joined its group again for that, every other writer would have to start over as well.
// Keeps what is assigned, so that a new session can set each partition to where the table says.

import type { Log, LogEvent, LogReader } from '../log/index.ts'
import type { Session } from './session.ts'

export interface HeldReaderOptions { readonly topics: readonly string[], readonly group: string | null }

export class HeldReader {
  readonly #log: Log
  readonly #options: HeldReaderOptions
  readonly #assigned = new Map<string, Set<number>>()
  readonly #firsts = new Map<string, bigint>()
  #reader: LogReader | null = null
  #session: Session | null = null

  constructor (log: Log, options: HeldReaderOptions) {
    this.#log = log
    this.#options = options
  }

  /** Reads on from where this session's table ends; opens the reader when there is none. */
  async follow (session: Session): Promise<void> {
    this.#session = session
    if (this.#reader === null) {
      const { topics, group } = this.#options
      this.#reader = await this.#log.open({ topics, ...group === null ? {} : { group }, ends: true, startAt: (topic, partition) => this.#recorded(topic, partition) ?? 'earliest' })
      return
    }
    for (const [topic, partitions] of this.#assigned) {
      const { first } = await this.#log.ranges(topic)
      for (const partition of partitions) {
        this.#reader.seek(topic, partition, this.#recorded(topic, partition) ?? first.get(partition) ?? 0n)
        this.#reader.resume(topic, partition)
      }
    }
  }

  async poll (waitMsMax: number, bytesMax: number): Promise<LogEvent | null> {
    const event = await this.#reader!.poll(waitMsMax, bytesMax)
    if (event?.kind === 'assigned') {
      const { first } = await this.#log.ranges(event.topic)
      for (const partition of event.partitions) {
        this.#of(event.topic).add(partition)
        this.#firsts.set(`${partition}/${event.topic}`, first.get(partition) ?? 0n)
      }
    }
    if (event?.kind === 'revoked') for (const partition of event.partitions) this.#of(event.topic).delete(partition)
    return event
  }

  /** Whether this partition is ours to read now. */
  holds (topic: string, partition: number): boolean {
    return this.#assigned.get(topic)?.has(partition) === true
  }

  /** Where the log began when the partition was assigned: a table that has nothing of it yet begins there, so that whatever is skipped shows. */
  firstOf (topic: string, partition: number): bigint | undefined {
    return this.#firsts.get(`${partition}/${topic}`)
  }

  /** A partition that is not ours (any more) is silent anyway. */
  pause (topic: string, partition: number): void {
    if (this.holds(topic, partition)) this.#reader?.pause(topic, partition)
  }

  seek (topic: string, partition: number, offset: bigint): void {
    if (this.holds(topic, partition)) this.#reader?.seek(topic, partition, offset)
  }

  async close (): Promise<void> {
    const reader = this.#reader
    this.#reader = null
    this.#assigned.clear()
    await reader?.close()
  }

  #recorded (topic: string, partition: number): bigint | undefined {
    return this.#session?.offsets?.topics.get(topic)?.partitions.get(partition)?.next
  }

  #of (topic: string): Set<number> {
    let partitions = this.#assigned.get(topic)
    if (partitions === undefined) this.#assigned.set(topic, partitions = new Set())
    return partitions
  }
}
