// What somebody has to be told: an alert, and what a mail about it is called. The id is deterministic, so the same cause
// never makes two alerts; a score that grows makes a new version of the same alert, and so does its withdrawal. Message-IDs
// derive from the id (the first mail) or from id, score and turn (what follows), never from the clock: a mail that is sent
// again after a crash is the same mail.

import { createHash } from 'node:crypto'

export type AlertKind = 'fraud' | 'quality' | 'pipeline' | 'job'
export type Severity = 'high' | 'medium' | 'low'

/** A question about one table, so that both engines' forms can be written from it. */
export interface AlertQuery {
  /** With `{table}` where the table's name and its snapshot go: `select * from {table} e where e.order_id = 'o-1'`. */
  readonly sql: string
  /** `firn.events`; on Trino `lake.firn.events`. */
  readonly table: string
  readonly snapshotId: bigint | null
}

export interface Alert {
  /** Deterministic, such as `fraud-<order_id>`. */
  readonly id: string
  readonly kind: AlertKind
  readonly severity: Severity
  /** What a newer version of the alert is compared by: only a higher one is told again. */
  readonly score?: number
  readonly title: string
  readonly evidence: readonly string[]
  /** A statement that is shown as it is, or one that is pinned to a snapshot for each engine. */
  readonly query?: string | AlertQuery
  /** When what is told happened: the time of the event, not of the alert. */
  readonly at: Date
  /** When the line received what is told: from here to the accepted mail is what is measured. */
  readonly receivedAt?: Date
  /** The alert that this one continues (its end, for example): the mail becomes a reply to it. */
  readonly about?: string
  /** The table whose row it stands for: when the row goes, the alert is withdrawn. */
  readonly source?: string
}

const titleCharactersMax = 200
const evidenceLinesMax = 50
const evidenceCharactersMax = 500
const idCharactersMax = 300

/** An alert as it is kept and shown: everything bounded, a title of one line. */
export function boundAlert (alert: Alert): Alert {
  const more = alert.evidence.length - evidenceLinesMax
  return {
    ...alert,
    id: boundId(alert.id),
    title: cut(oneLine(alert.title), titleCharactersMax),
    evidence: [...alert.evidence.slice(0, evidenceLinesMax).map(line => cut(oneLine(line), evidenceCharactersMax)), ...more > 0 ? [`and ${more} more`] : []]
  }
}

/** A long id is cut, and what was cut is kept apart by its hash. */
export function boundId (id: string): string {
  return id.length > idCharactersMax ? `${cut(id, idCharactersMax - 34)}-${hash(id)}` : id
}

/** Whether this may be what is left of a longer id. */
export function isCut (id: string): boolean {
  return id.length >= idCharactersMax - 2
}

/** Control characters, line ends and characters that reorder text would let a value write headers, lines or lies of its own. */
export function oneLine (text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim()
}

/** `<firn-…@domain>`; the score only of what follows the first message, the turn only of what follows a withdrawal. */
export function messageIdOf (alertId: string, updateScore: number | null, domain: string, turn = 0): string {
  const version = updateScore === null ? '' : `\n${updateScore}${turn === 0 ? '' : `\n${turn}`}`
  return `<firn-${hash(`${alertId}${version}`)}@${domain}>`
}

/** Of a mail about several alerts: the same alerts with the same scores make the same mail. */
export function digestIdOf (versions: ReadonlyArray<readonly [id: string, score: number, turn?: number]>, domain: string): string {
  return `<firn-digest-${hash(JSON.stringify(versions))}@${domain}>`
}

export const scoreOf = (alert: Alert): number => alert.score ?? 0

function hash (text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

function cut (text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text
  // Never between the halves of a character.
  return text.slice(0, charactersMax - 1).replace(/[\ud800-\udbff]$/, '') + '…'
}
