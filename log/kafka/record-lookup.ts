// Reads a few records of one partition again, by their offsets: what was consumed is compared with what lies there. One
// question at a time, over one client that is connected at the first of them and let go after the last.
// Refuses to answer without evidence: brokers that are silent are an error, not an empty answer.

import { fail } from '../errors.ts'
import type { ClientConfig, ClientError, NativeConsumer, NativeKafka, NativeMessage } from './client.ts'
import type { Trouble } from './trouble.ts'
import { connect, type Turns } from './turns.ts'

const connectMsMax = 5_000
const answerMsMax = 10_000
const waitMs = 200
const messagesMax = 100
const idleMsMax = 5_000

export class RecordLookup {
  readonly #kafka: NativeKafka
  readonly #config: ClientConfig
  readonly #trouble: Trouble
  readonly #turns: Turns
  #consumer: NativeConsumer | null = null
  #asked: Promise<unknown> = Promise.resolve()
  #idle: NodeJS.Timeout | undefined
  #closed = false

  constructor (kafka: NativeKafka, config: ClientConfig, trouble: Trouble, turns: Turns) {
    this.#kafka = kafka
    this.#config = config
    this.#trouble = trouble
    this.#turns = turns
  }

  /** The records in [from, to] that are there, as a reader of committed records sees them; the log ends behind `to`. Throws LOG_UNREACHABLE and its like. */
  async read (topic: string, partition: number, from: bigint, to: bigint): Promise<NativeMessage[]> {
    const answer = this.#asked.then(async () => await this.#read(topic, partition, from, to))
    this.#asked = answer.catch(() => undefined)
    return await answer
  }

  async close (): Promise<void> {
    this.#closed = true
    clearTimeout(this.#idle)
    await this.#asked
    await this.#letGo()
  }

  async #read (topic: string, partition: number, from: bigint, to: bigint): Promise<NativeMessage[]> {
    if (this.#closed) throw fail('LOG_CLOSED', { path: this.#trouble.url })
    clearTimeout(this.#idle)
    const what = `partition ${partition} of topic ${topic}`
    const consumer = this.#consumer ??= await this.#open()
    const found: NativeMessage[] = []
    let isAtEnd = false
    const onEnd = (end: { topic: string, partition: number, offset: number }): void => {
      isAtEnd ||= end.topic === topic && end.partition === partition && BigInt(end.offset) > to
    }
    consumer.on('partition.eof', onEnd)
    try {
      consumer.incrementalAssign([{ topic, partition, offset: Number(from) }])
      for (const endMs = performance.now() + answerMsMax; !isAtEnd && !this.#closed;) {
        for (const message of await this.#consume(consumer)) {
          if (message.topic !== topic || message.partition !== partition) continue
          if (BigInt(message.offset) > to) return found
          found.push(message)
          if (BigInt(message.offset) === to) return found
        }
        if (performance.now() > endMs) throw fail('LOG_UNREACHABLE', { brokers: this.#trouble.brokers, reason: `${what} was not read within ${answerMsMax} ms` })
      }
      if (this.#closed) throw fail('LOG_CLOSED', { path: this.#trouble.url })
      return found
    } catch (error) {
      const { code } = error as ClientError
      throw typeof code === 'number' ? this.#trouble.explain(error as Error, what) : error
    } finally {
      consumer.removeListener('partition.eof', onEnd)
      consumer.incrementalUnassign([{ topic, partition }])
      this.#idle = setTimeout(() => { void this.#letGo() }, idleMsMax).unref()
    }
  }

  async #open (): Promise<NativeConsumer> {
    const consumer = new this.#kafka.KafkaConsumer({
      ...this.#config,
      'group.id': `firn-lookup-${crypto.randomUUID()}`,
      'enable.auto.commit': false,
      'enable.auto.offset.store': false,
      'enable.partition.eof': true,
      'isolation.level': 'read_committed',
      'partition.assignment.strategy': 'cooperative-sticky',
      'fetch.queue.backoff.ms': 5,
      // What is asked for is there: a fetch that waits at the end of the log would only delay the next question.
      'fetch.wait.max.ms': 10,
      'queued.max.messages.kbytes': 1024
    }, { 'auto.offset.reset': 'error' })
    this.#trouble.watch(consumer)
    await connect(consumer, this.#turns, connectMsMax)
    consumer.setDefaultIsTimeoutOnlyForFirstMessage(true)
    consumer.setDefaultConsumeTimeout(waitMs)
    return consumer
  }

  async #consume (consumer: NativeConsumer): Promise<NativeMessage[]> {
    return await new Promise((resolve, reject) => {
      consumer.consume(messagesMax, (error, messages) => { if (error === null || error === undefined) resolve(messages); else reject(error as unknown as Error) })
    })
  }

  async #letGo (): Promise<void> {
    const consumer = this.#consumer
    this.#consumer = null
    if (consumer !== null) await new Promise<void>(resolve => { consumer.disconnect(() => { resolve() }) })
  }
}
