// What a channel tells next: one alert, an update of one that was told, or one message about many. Pure: the ledger's state,
// the clock and what was told lately go in; a message, or how long to wait, comes out.
//
// What an operator wants, and what is therefore kept: one message for each alert, at once; a growing score as a reply, and
// not more often than the interval of updates; a storm, or what is old news, as one message that lists it. Alerts about
// the line and its jobs are few and are never hidden in a list of orders. An alert whose reason is gone is withdrawn in its
// own thread, behind what is news; what one message told together is withdrawn together. One that comes back is told at
// once, and withdrawn anew not before the interval of updates: a reason that flutters is two messages in that time.

import { digestIdOf, messageIdOf } from './alert.ts'
import { isGone, messageKey, waitsFor, type ChannelName, type Entry, type LedgerState, type Message, type Version } from './ledger-state.ts'

const minuteMs = 60_000
const digestAlertsMax = 10_000

export interface PlanLimits {
  readonly singlesMinuteMax: number
  readonly digestMs: number
  readonly updateMs: number
  readonly backlogMs: number
  readonly domain: string
}

/** What one channel remembers between two messages. A restart forgets it: at worst a few single messages more. */
export interface ChannelMemory {
  /** When single messages went out, over the last minute. */
  singlesMs: number[]
  /** The same of withdrawals: they take no room from what is news. */
  withdrawalsMs: number[]
  digestMs: number
  /** Ids of alerts and keys of messages that failed alone → when they are tried again. */
  readonly notBefore: Map<string, number>
}

export type Plan = { readonly message: Message, readonly isRepeat: boolean } | { readonly waitMs: number | null }

export function planNext (state: LedgerState, by: ChannelName, memory: ChannelMemory, nowMs: number, limits: PlanLimits): Plan {
  memory.singlesMs = memory.singlesMs.filter(ms => ms > nowMs - minuteMs)
  memory.withdrawalsMs = memory.withdrawalsMs.filter(ms => ms > nowMs - minuteMs)
  let waitMs: number | null = null
  const waitUntil = (ms: number): void => { waitMs = Math.min(waitMs ?? Infinity, Math.max(1, ms - nowMs)) }
  const begun = new Set<string>()
  for (const message of state.unsettled.values()) {
    if (message.by !== by) continue
    // Whether it arrived is not known: the same message again, before anything else.
    const notBefore = memory.notBefore.get(messageKey(message)) ?? 0
    if (notBefore <= nowMs) return { message, isRepeat: true }
    waitUntil(notBefore)
    for (const [id] of message.alerts) begun.add(id)
  }

  const alone: Array<[string, Entry]> = []
  const gone: Array<[string, Entry]> = []
  const fresh: Array<[string, Entry]> = []
  const old: Array<[string, Entry]> = []
  for (const id of state.waiting) {
    const entry = state.entries.get(id)!
    if (begun.has(id) || !waitsFor(entry, by)) continue
    const told = entry.told[by]
    const notBefore = Math.max(memory.notBefore.get(id) ?? 0, pausesFor(entry, by) ? told!.atMs + limits.updateMs : 0)
    if (notBefore > nowMs) {
      waitUntil(notBefore)
      continue
    }
    if (isGone(entry.turn)) {
      gone.push([id, entry])
      continue
    }
    const kind = entry.alert!.kind
    if (kind === 'pipeline' || kind === 'job') alone.push([id, entry])
    else if (entry.eventMs < entry.queuedMs - limits.backlogMs) old.push([id, entry])
    else fresh.push([id, entry])
  }

  const single = ([id, entry]: [string, Entry]): Plan => ({ message: singleOf(id, entry, by, state, limits.domain), isRepeat: false })
  if (alone.length > 0) return single(alone[0]!)
  const isStorm = fresh.length + memory.singlesMs.length > limits.singlesMinuteMax
  if (!isStorm && fresh.length > 0) return single(fresh[0]!)
  const many = isStorm ? [...fresh, ...old] : old
  if (many.length > 0) {
    const digestAt = memory.digestMs + limits.digestMs
    if (digestAt <= nowMs) return many.length === 1 ? single(many[0]!) : { message: digestOf(many.slice(0, digestAlertsMax), by, limits.domain), isRepeat: false }
    waitUntil(digestAt)
    const leaves = memory.singlesMs[0]
    if (isStorm && leaves !== undefined) waitUntil(leaves + minuteMs)
  }
  if (gone.length > 0) {
    const [oldest = 0] = memory.withdrawalsMs
    if (memory.withdrawalsMs.length < limits.singlesMinuteMax) return { message: withdrawalOf(gone, by, limits.domain), isRepeat: false }
    waitUntil(oldest + minuteMs)
  }
  return { waitMs }
}

/** Whether the interval of updates has to pass first: for a score that grew, and for the second withdrawal of an alert. */
function pausesFor (entry: Entry, by: ChannelName): boolean {
  const { turn, told: { [by]: told } } = entry
  if (told === undefined) return false
  return isGone(turn) ? (told.turn ?? 0) > 0 : !isGone(told.turn)
}

/** The longest waiting one, with those that the same message told. */
function withdrawalOf (gone: ReadonlyArray<readonly [string, Entry]>, by: ChannelName, domain: string): Message {
  const replyTo = gone[0]![1].told[by]!.first
  const together = gone.filter(([, { told }]) => told[by]!.first === replyTo).slice(0, digestAlertsMax)
  const alerts = together.map(([id, { score, turn }]): Version => [id, score, turn])
  const [[id, score, turn]] = alerts as [Version]
  const messageId = alerts.length === 1 ? messageIdOf(id, score, domain, turn) : digestIdOf(alerts, domain)
  return { by, kind: 'withdrawal', id: messageId, alerts, replyTo }
}

function singleOf (id: string, entry: Entry, by: ChannelName, state: LedgerState, domain: string): Message {
  const told = entry.told[by]
  const about = entry.alert?.about
  const replyTo = told?.first ?? (about === undefined ? undefined : state.entries.get(about)?.told[by]?.first)
  return {
    by, kind: told === undefined ? 'alert' : isGone(told.turn) ? 'return' : 'update',
    id: messageIdOf(id, told === undefined ? null : entry.score, domain, entry.turn), alerts: [versionOf(id, entry)],
    ...replyTo === undefined ? {} : { replyTo }
  }
}

function versionOf (id: string, { score, turn }: Entry): Version {
  return turn === 0 ? [id, score] : [id, score, turn]
}

function digestOf (many: ReadonlyArray<readonly [string, Entry]>, by: ChannelName, domain: string): Message {
  const alerts = many.map(([id, entry]) => versionOf(id, entry))
  return { by, kind: 'digest', id: digestIdOf(alerts, domain), alerts }
}
