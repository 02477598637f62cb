// What went wrong, in our words. librdkafka says "timed out" where the reason stood in a log line before it: this remembers the
// latest reason of each client and turns its numbers into the codes of the registry.

import { FirnError } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import type { ClientError } from './client.ts'

/** A reason that is older says nothing about now. */
const reasonMsMax = 60_000
/** These come after the reason and say less. */
const vague = /brokers? (connections )?are down|^(authentication failure|(broker )?transport failure|timed out)$|^disconnected/i
const authorizationCodes = new Set([29, 30, 31, 53])
const unknownTopicCodes = new Set([3, -188, -190])
const unreachableCodes = new Set([-195, -187, -193, 5, 6, 7, 14, 15, 16])
const timedOutCodes = new Set([-185, -192, 7])

export class Trouble {
  readonly #url: string
  readonly #brokers: string
  readonly #loginWatchers = new Set<() => void>()
  #reason: { readonly text: string, readonly atMs: number, readonly isLogin: boolean } | null = null

  constructor (url: string, brokers: string) {
    this.#url = url
    this.#brokers = brokers
  }

  /** Listens to a client; `error` events would end the process otherwise. */
  watch (client: { on(event: 'event.error', listener: (error: ClientError) => void): void, on(event: 'event.log', listener: (line: { message: string }) => void): void, on(event: 'error', listener: (error: Error) => void): void }): void {
    client.on('event.error', error => { this.note(error.message, error.code === -169) })
    client.on('event.log', ({ message }) => { this.read(message) })
    client.on('error', error => { this.note(error.message, true) })
  }

  /** A line of a client's log, which may be where the reason stands. */
  read (message: string): void {
    if (isReason(message)) this.note(message)
  }

  note (message: string, isLogin = false): void {
    const text = plain(message)
    const isVague = vague.test(text)
    if (isVague && this.#recent() !== null) return
    this.#reason = { text, atMs: performance.now(), isLogin: isLogin || /authentication|credentials|mechanism|oauthbearer|token endpoint/i.test(text) }
    if (this.#reason.isLogin && !isVague) for (const tell of this.#loginWatchers) tell()
  }

  /** Calls once it is known that we are not let in; returns how to stop waiting for that. */
  whenLoginRefused (tell: () => void): () => void {
    this.#loginWatchers.add(tell)
    return () => { this.#loginWatchers.delete(tell) }
  }

  /** An answer came: what was wrong is over. */
  over (): void {
    this.#reason = null
  }

  /** The error that a client's failure stands for; `what` names what was tried, such as "topic orders". */
  explain (error: ClientError | Error | null | undefined, what: string): FirnError {
    if (error instanceof FirnError) return error
    const code = (error as Partial<ClientError> | null | undefined)?.code ?? -195
    const message = plain((error as Error | null | undefined)?.message ?? 'no answer')
    const recent = this.#recent()
    if (code === -169 || code === 58 || (recent?.isLogin === true && (unreachableCodes.has(code) || timedOutCodes.has(code)))) return fail('LOG_UNAUTHORIZED', { brokers: this.#brokers, reason: recent?.text ?? message }, error)
    if (authorizationCodes.has(code)) return fail('LOG_FORBIDDEN', { what, reason: message }, error)
    if (code === 10) return fail('LOG_RECORD_REFUSED', { what, reason: message }, error)
    if (unknownTopicCodes.has(code)) return fail('LOG_TOPIC_UNKNOWN', { topic: what.replace(/^.*topic /, '') }, error)
    if (timedOutCodes.has(code) && recent === null) return fail('LOG_UNREACHABLE', { brokers: this.#brokers, reason: 'no answer in time' }, error)
    if (unreachableCodes.has(code) || timedOutCodes.has(code)) return fail('LOG_UNREACHABLE', { brokers: this.#brokers, reason: recent?.text ?? message }, error)
    return fail('LOG_KAFKA', { what, reason: message }, error)
  }

  #recent (): { readonly text: string, readonly isLogin: boolean } | null {
    return this.#reason !== null && performance.now() - this.#reason.atMs < reasonMsMax ? this.#reason : null
  }

  get url (): string {
    return this.#url
  }

  get brokers (): string {
    return this.#brokers
  }
}

function isReason (message: string): boolean {
  return !/initialized \(builtin/.test(message) && /SASL|SSL|certificate|authenticat|failed to (resolve|connect)|connection refused|oauthbearer/i.test(message)
}

/** Without thread names and the noise of states. */
function plain (message: string): string {
  return message.replace(/^\[thrd:[^\]]*\]:\s*/, '').replace(/\s*\(after \d+ms in state [A-Z_]+.*$/, '').replace(/^\w+:\/\/([^:]+:\d+)\/\w+: /, '$1: ').replace(/^(Local|Broker): /, '').slice(0, 300)
}
