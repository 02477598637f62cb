// What the ledger's lines add up to: which alerts wait, which were told by which channel, and which messages were begun
// without an end. Pure: the same function is applied when a line is written and when it is read back, so a restart knows
// exactly what the process knew.

import type { Alert, AlertQuery } from './alert.ts'

export type ChannelName = 'mail' | 'webhook' | 'terminal'
export type MessageKind = 'alert' | 'update' | 'digest'
/** An alert at a score. */
export type Version = readonly [id: string, score: number]

/** One message to one channel: once begun, it keeps its id and its alerts until its outcome is known. */
export interface Message {
  readonly by: ChannelName
  readonly id: string
  readonly kind: MessageKind
  readonly alerts: readonly Version[]
  /** The Message-ID of the message that this one continues. */
  readonly replyTo?: string
}

/** sent: accepted. refused: never will be. failed: certainly not accepted, its alerts wait again. */
export type Outcome = 'sent' | 'refused' | 'failed'

interface QueuedLine { readonly queued: KeptAlert, readonly to: readonly ChannelName[], /** Told by this alert as well. */ readonly covers?: ReadonlyArray<readonly [id: string, score: number, eventMs: number]>, readonly atMs: number }
interface SettledLine { readonly settled: { readonly by: ChannelName, readonly id: string, readonly outcome: Outcome, readonly detail: string }, readonly atMs: number }
type ToldLine = readonly [id: string, score: number, eventMs: number, by: Readonly<Partial<Record<ChannelName, Told>>>]

export type LedgerLine =
  | QueuedLine
  | { readonly sending: Message, readonly atMs: number }
  | SettledLine
  | { readonly told: ToldLine }
  | { readonly horizonMs: number }

/** An alert as JSON. */
export type KeptAlert = Omit<Alert, 'at' | 'receivedAt' | 'query'> & { readonly at: string, readonly receivedAt?: string, readonly query?: string | (Omit<AlertQuery, 'snapshotId'> & { readonly snapshotId: string | null }) }

export interface Told { readonly score: number, /** The Message-ID that opened the thread. */ readonly first: string, readonly atMs: number }

export interface Entry {
  score: number
  eventMs: number
  /** Kept while a channel has still to tell it. */
  alert: KeptAlert | null
  queuedMs: number
  to: readonly ChannelName[]
  told: Partial<Record<ChannelName, Told>>
}

export interface LedgerState {
  readonly entries: Map<string, Entry>
  /** Begun and without an outcome, by channel and id: to be sent again as they are. */
  readonly unsettled: Map<string, Message>
  /** Alerts about events up to here may have been forgotten: an unknown one counts as told. */
  horizonMs: number
  /** Ids of the alerts that a channel has still to tell, the longest waiting first. */
  readonly waiting: Set<string>
}

export function emptyState (): LedgerState {
  return { entries: new Map(), unsettled: new Map(), horizonMs: -Infinity, waiting: new Set() }
}

export function applyLine (state: LedgerState, line: LedgerLine): void {
  if ('queued' in line) applyQueued(state, line)
  else if ('sending' in line) state.unsettled.set(messageKey(line.sending), line.sending)
  else if ('settled' in line) applySettled(state, line)
  else if ('told' in line) applyTold(state, line.told)
  else state.horizonMs = Math.max(state.horizonMs, line.horizonMs)
}

/** True while `by` has something to tell about it. */
export function waitsFor (entry: Entry, by: ChannelName): boolean {
  const told = entry.told[by]
  return entry.alert !== null && entry.to.includes(by) && (told === undefined || told.score < entry.score)
}

/** Forgets the content of an alert that every channel has told. */
function dropIfTold (state: LedgerState, entry: Entry): void {
  if (entry.alert === null || entry.to.some(by => waitsFor(entry, by))) return
  state.waiting.delete(entry.alert.id)
  entry.alert = null
}

/** The lines that a fresh ledger of this state consists of. At most `alertsMax` told alerts are kept, the newest. */
export function linesOf (state: LedgerState, alertsMax: number): LedgerLine[] {
  let excess = state.entries.size - alertsMax
  for (const [id, entry] of state.entries) {
    if (excess <= 0) break
    if (entry.alert !== null) continue
    state.entries.delete(id)
    state.horizonMs = Math.max(state.horizonMs, entry.eventMs)
    excess--
  }
  const lines: LedgerLine[] = state.horizonMs === -Infinity ? [] : [{ horizonMs: state.horizonMs }]
  for (const [id, { score, eventMs, told, alert, to, queuedMs }] of state.entries) {
    if (alert === null || Object.keys(told).length > 0) lines.push({ told: [id, score, eventMs, told] })
    if (alert !== null) lines.push({ queued: alert, to, atMs: queuedMs })
  }
  for (const sending of state.unsettled.values()) lines.push({ sending, atMs: 0 })
  return lines
}

function applyQueued (state: LedgerState, { queued, to, covers, atMs }: QueuedLine): void {
  const before = state.entries.get(queued.id)
  const waited = before !== undefined && before.alert !== null
  state.waiting.add(queued.id)
  const entry: Entry = {
    score: queued.score ?? 0, eventMs: Date.parse(queued.at), alert: queued, to,
    // Since when it waits: a growing score does not make it younger.
    queuedMs: waited ? before.queuedMs : atMs, told: before?.told ?? {}
  }
  state.entries.set(queued.id, entry)
  dropIfTold(state, entry)
  for (const covered of covers ?? []) if (!state.entries.has(covered[0])) applyTold(state, [...covered, {}])
}

function applySettled (state: LedgerState, { settled: { by, id, outcome }, atMs }: SettledLine): void {
  const message = state.unsettled.get(messageKey({ by, id }))
  if (message === undefined) return
  state.unsettled.delete(messageKey(message))
  if (outcome === 'failed') return
  for (const [alertId, score] of message.alerts) {
    const entry = state.entries.get(alertId)
    if (entry === undefined) continue
    entry.told = { ...entry.told, [by]: { score, first: entry.told[by]?.first ?? message.id, atMs } }
    dropIfTold(state, entry)
  }
}

function applyTold (state: LedgerState, [id, score, eventMs, told]: ToldLine): void {
  state.entries.set(id, { score, eventMs, alert: null, queuedMs: 0, to: [], told })
}

export function messageKey ({ by, id }: Pick<Message, 'by' | 'id'>): string {
  return `${by} ${id}`
}

export function keepAlert ({ at, receivedAt, query, ...alert }: Alert): KeptAlert {
  return {
    ...alert, at: at.toISOString(),
    ...receivedAt === undefined ? {} : { receivedAt: receivedAt.toISOString() },
    ...query === undefined ? {} : { query: typeof query === 'string' ? query : { ...query, snapshotId: query.snapshotId?.toString() ?? null } }
  }
}

export function readAlert ({ at, receivedAt, query, ...alert }: KeptAlert): Alert {
  return {
    ...alert, at: new Date(at),
    ...receivedAt === undefined ? {} : { receivedAt: new Date(receivedAt) },
    ...query === undefined ? {} : { query: typeof query === 'string' ? query : { ...query, snapshotId: query.snapshotId === null ? null : BigInt(query.snapshotId) } }
  }
}
