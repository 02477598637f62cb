// The writer's reader of the log, held over its sessions. A writer that loses a race starts over from the table; if it left
// and joined its group again for that, every other writer would have to start over as well.
// Keeps what is assigned, so that a new session can set each partition to where the table says. What the group says is
// heard in its order: all that it said before a session is opened counts for that session, and a partition that was given
// with the place of an older session begins where the newer one's table ends.

import type { Log, LogEvent, LogReader } from '../log/index.ts'
import type { Session } from './session.ts'

export interface HeldReaderOptions { readonly group: string | null }

export class HeldReader {
  readonly #log: Log
  readonly #options: HeldReaderOptions
  readonly #assigned = new Map<string, Set<number>>()
  readonly #firsts = new Map<string, bigint>()
  /** Where the reader was told to begin what it was given last: by the session of that time. */
  readonly #begun = new Map<string, bigint | 'earliest'>()
  #reader: LogReader | null = null
  #session: Session | null = null
  #topics: readonly string[] = []

  constructor (log: Log, options: HeldReaderOptions) {
    this.#log = log
    this.#options = options
  }

  /** Reads on from where this session's table ends; opens the reader when there is none, or when it reads other topics. */
  async follow (session: Session, topics: readonly string[]): Promise<void> {
    this.#session = session
    if (topics.join() !== this.#topics.join()) await this.close()
    this.#topics = topics
    if (this.#reader === null) {
      const { group } = this.#options
      this.#reader = await this.#log.open({ topics, ...group === null ? {} : { group }, ends: true, startAt: (topic, partition) => this.#begin(topic, partition) })
      return
    }
    for (const [topic, partitions] of this.#assigned) {
      const { first } = await this.#log.ranges(topic)
      for (const partition of partitions) {
        if (this.#reader === null) return
        this.#reader.seek(topic, partition, this.#recorded(topic, partition) ?? first.get(partition) ?? 0n)
        this.#reader.resume(topic, partition)
      }
    }
  }

  /**
   * Hears what the group has said by now, before a session is opened: one rebalance of many topics is one start over. What
   * else comes is dropped: `follow` sets every partition to its place.
   */
  async hear (): Promise<void> {
    if (this.#reader === null) return
    let event: LogEvent | null = null
    do {
      event = await this.poll(0, 1)
      // Reported once; it is again after `follow` has sent the partition to its place.
      if (event?.kind === 'damaged') this.pause(event.topic, event.partition)
    } while (event?.kind === 'assigned' || event?.kind === 'revoked')
  }

  async poll (waitMsMax: number, bytesMax: number): Promise<LogEvent | null> {
    const event = await this.#reader!.poll(waitMsMax, bytesMax)
    if (event?.kind === 'assigned') await this.#take(event.topic, event.partitions)
    if (event?.kind === 'revoked') for (const partition of event.partitions) this.#of(event.topic).delete(partition)
    return event
  }

  async #take (topic: string, partitions: readonly number[]): Promise<void> {
    for (const partition of partitions) this.#of(topic).add(partition)
    const { first } = await this.#log.ranges(topic)
    for (const partition of partitions) {
      const key = `${partition}/${topic}`
      this.#firsts.set(key, first.get(partition) ?? 0n)
      const recorded = this.#recorded(topic, partition)
      if (recorded !== undefined && recorded !== this.#begun.get(key)) this.#reader?.seek(topic, partition, recorded)
    }
  }

  /** Whether this partition is ours to read now. */
  holds (topic: string, partition: number): boolean {
    return this.#assigned.get(topic)?.has(partition) === true
  }

  /** Whether it is read at all: a writer that has left its group holds nothing, and what waits does so all the same. */
  get isOpen (): boolean {
    return this.#reader !== null
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

  #begin (topic: string, partition: number): bigint | 'earliest' {
    const place = this.#recorded(topic, partition) ?? 'earliest'
    this.#begun.set(`${partition}/${topic}`, place)
    return place
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
