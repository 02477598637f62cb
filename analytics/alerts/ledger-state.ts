// What the ledger's lines add up to: which alerts wait, which were told by which channel, and which messages were begun
// without an end. Pure: the same function is applied when a line is written and when it is read back, so a restart knows
// exactly what the process knew.
//
// An alert takes turns: at even ones it stands, at odd ones it is withdrawn. A channel has something to tell when what it
// told last is of the other sort, or of the same sort with a lower score: an alert that nobody was told of is withdrawn in
// silence, and one that came back before its withdrawal was told was never gone.

import type { Alert, AlertQuery } from './alert.ts'

export type ChannelName = 'mail' | 'webhook' | 'terminal'
export type MessageKind = 'alert' | 'update' | 'withdrawal' | 'return' | 'digest'
/** An alert at a score, and at a turn behind the first. */
export type Version = readonly [id: string, score: number, turn?: number]

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

/** `turn` only in a ledger that is written anew: otherwise it follows from what was there. */
interface QueuedLine { readonly turn?: number, readonly queued: KeptAlert, readonly to: readonly ChannelName[], /** Told by this alert as well. */ readonly covers?: ReadonlyArray<readonly [id: string, score: number, eventMs: number]>, readonly atMs: number }
interface WithdrawnLine { readonly turn?: number, readonly withdrawn: KeptAlert, readonly to: readonly ChannelName[], readonly atMs: number }
interface SettledLine { readonly settled: { readonly by: ChannelName, readonly id: string, readonly outcome: Outcome, readonly detail: string }, readonly atMs: number }
type ToldLine = readonly [id: string, score: number, eventMs: number, by: Readonly<Partial<Record<ChannelName, Told>>>, more?: ToldMore]
interface ToldMore { readonly turn?: number, readonly source?: string }

export type LedgerLine =
  | QueuedLine
  | WithdrawnLine
  | { readonly sending: Message, readonly atMs: number }
  | SettledLine
  | { readonly told: ToldLine }
  | { readonly horizonMs: number }

/** An alert as JSON. */
export type KeptAlert = Omit<Alert, 'at' | 'receivedAt' | 'query'> & { readonly at: string, readonly receivedAt?: string, readonly query?: string | (Omit<AlertQuery, 'snapshotId'> & { readonly snapshotId: string | null }) }

export interface Told { readonly score: number, /** Of the first turn it is left out. */ readonly turn?: number, /** The Message-ID that opened the thread. */ readonly first: string, readonly atMs: number }

export interface Entry {
  score: number
  eventMs: number
  /** Kept while a channel has still to tell it. */
  alert: KeptAlert | null
  /** What is told of its end, kept while a channel has still to tell it. */
  withdrawal: KeptAlert | null
  turn: number
  /** The table whose row it stands for. */
  source: string | undefined
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
  else if ('withdrawn' in line) applyWithdrawn(state, line)
  else if ('sending' in line) state.unsettled.set(messageKey(line.sending), line.sending)
  else if ('settled' in line) applySettled(state, line)
  else if ('told' in line) applyTold(state, line.told)
  else state.horizonMs = Math.max(state.horizonMs, line.horizonMs)
}

/** True while `by` has something to tell about it. */
export function waitsFor (entry: Entry, by: ChannelName): boolean {
  const told = entry.told[by]
  if (!entry.to.includes(by)) return false
  if (isGone(entry.turn)) return entry.withdrawal !== null && told !== undefined && !isGone(told.turn)
  return entry.alert !== null && (told === undefined || isGone(told.turn) || told.score < entry.score)
}

/** Of a turn: whether the alert is withdrawn at it. */
export function isGone (turn: number | undefined): boolean {
  return (turn ?? 0) % 2 === 1
}

/** Forgets the content of an alert that every channel has told. */
function dropIfTold (state: LedgerState, id: string, entry: Entry): void {
  if ((entry.alert === null && entry.withdrawal === null) || entry.to.some(by => waitsFor(entry, by))) return
  // Until its outcome is known, a message of another turn is sent again as it was.
  if (entry.turn > 0 && isOnItsWay(state, id)) return
  state.waiting.delete(id)
  entry.alert = null
  entry.withdrawal = null
}

function isOnItsWay ({ unsettled }: LedgerState, id: string): boolean {
  return [...unsettled.values()].some(({ alerts }) => alerts.some(([one]) => one === id))
}

/** A message that will not be sent by its channel any more. */
export function abandon (state: LedgerState, message: Message): void {
  state.unsettled.delete(messageKey(message))
  for (const [id] of message.alerts) {
    const entry = state.entries.get(id)
    if (entry !== undefined) dropIfTold(state, id, entry)
  }
}

/** The lines that a fresh ledger of this state consists of. At most `alertsMax` told alerts are kept, the newest. */
export function linesOf (state: LedgerState, alertsMax: number): LedgerLine[] {
  let excess = state.entries.size - alertsMax
  for (const [id, entry] of state.entries) {
    if (excess <= 0) break
    if (state.waiting.has(id)) continue
    state.entries.delete(id)
    state.horizonMs = Math.max(state.horizonMs, entry.eventMs)
    excess--
  }
  const lines: LedgerLine[] = state.horizonMs === -Infinity ? [] : [{ horizonMs: state.horizonMs }]
  // Before the alerts that they hold on to.
  for (const sending of state.unsettled.values()) lines.push({ sending, atMs: 0 })
  for (const [id, entry] of state.entries) lines.push(...linesOfEntry(id, entry))
  return lines
}

function linesOfEntry (id: string, { score, eventMs, told, alert, withdrawal, turn, source, to, queuedMs }: Entry): LedgerLine[] {
  const isTold = (alert === null && withdrawal === null) || turn > 0 || Object.keys(told).length > 0
  const more: ToldMore = { ...turnOf(turn), ...source === undefined ? {} : { source } }
  const line: ToldLine = Object.keys(more).length === 0 ? [id, score, eventMs, told] : [id, score, eventMs, told, more]
  return [
    ...isTold ? [{ told: line }] : [],
    ...alert === null ? [] : [{ queued: alert, to, atMs: queuedMs, ...turnOf(turn) }],
    ...withdrawal === null ? [] : [{ withdrawn: withdrawal, to, atMs: queuedMs, ...turnOf(turn) }]
  ]
}

/** The first turn is not written. */
export function turnOf (turn: number): { turn?: number } {
  return turn === 0 ? {} : { turn }
}

function applyQueued (state: LedgerState, { queued, to, covers, atMs, turn }: QueuedLine): void {
  const before = state.entries.get(queued.id)
  const waited = before !== undefined && before.alert !== null
  state.waiting.add(queued.id)
  const turnBefore = before?.turn ?? 0
  const entry: Entry = {
    score: queued.score ?? 0, eventMs: Date.parse(queued.at), alert: queued, to,
    withdrawal: before?.withdrawal ?? null, source: queued.source,
    turn: turn ?? (isGone(turnBefore) ? turnBefore + 1 : turnBefore),
    // Since when it waits: a growing score does not make it younger.
    queuedMs: waited ? before.queuedMs : atMs, told: before?.told ?? {}
  }
  state.entries.set(queued.id, entry)
  dropIfTold(state, queued.id, entry)
  for (const covered of covers ?? []) if (!state.entries.has(covered[0])) applyTold(state, [...covered, {}])
}

/** The reason of an alert that is known is gone. One that is unknown, or withdrawn already, stays so. */
function applyWithdrawn (state: LedgerState, { withdrawn, to, atMs, turn }: WithdrawnLine): void {
  const entry = state.entries.get(withdrawn.id)
  if (entry === undefined || (turn === undefined && isGone(entry.turn))) return
  state.waiting.add(withdrawn.id)
  entry.turn = turn ?? entry.turn + 1
  entry.withdrawal = withdrawn
  entry.to = to
  entry.queuedMs = atMs
  dropIfTold(state, withdrawn.id, entry)
}

function applySettled (state: LedgerState, { settled: { by, id, outcome }, atMs }: SettledLine): void {
  const message = state.unsettled.get(messageKey({ by, id }))
  if (message === undefined) return
  state.unsettled.delete(messageKey(message))
  for (const [alertId, score, turn = 0] of message.alerts) {
    const entry = state.entries.get(alertId)
    if (entry === undefined) continue
    const first = entry.told[by]?.first ?? message.id
    if (outcome !== 'failed') entry.told = { ...entry.told, [by]: { score, first, atMs, ...turnOf(turn) } }
    dropIfTold(state, alertId, entry)
  }
}

function applyTold (state: LedgerState, [id, score, eventMs, told, { turn = 0, source } = {}]: ToldLine): void {
  state.entries.set(id, { score, eventMs, alert: null, withdrawal: null, turn, source, queuedMs: 0, to: [], told })
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
