// Conditions that begin and end: bad for long enough begins one, good for long enough ends it, and nothing in between is
// told. What is open is kept in a file, written before anything is offered, so that a restart neither tells a beginning
// twice nor forgets an end; the ids of both come from the name and the moment it began. Where it cannot be written (a full
// disk is what there may be to tell) it is told all the same, and written at the next look.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Alert, AlertKind, Severity } from './alert.ts'

/** What one look says about a condition; unknown changes nothing. */
export type Finding = 'bad' | 'good' | 'unknown'

export interface Condition {
  /** Stable, such as `lag` or `model-orders`. */
  readonly name: string
  readonly kind: AlertKind
  readonly severity: Severity
  readonly finding: Finding
  readonly title: string
  readonly evidence: readonly string[]
}

interface Known { badSinceMs: number | null, goodSinceMs: number | null, openSinceMs: number | null, /** Offered in full, so that a restart does not have to. */ title: string }

export interface ConditionsOptions {
  readonly file: string
  readonly beginMs: number
  readonly endMs: number
  readonly offer: (alert: Alert) => Promise<void>
}

export interface Conditions {
  /** Judges what was found now. */
  judge(found: readonly Condition[], nowMs: number): Promise<void>
  /** Names of what is open. */
  open(): string[]
}

export function openConditions ({ file, beginMs, endMs, offer }: ConditionsOptions): Conditions {
  const known = new Map<string, Known>(Object.entries(readOpen(file)))
  /** Offered, or an offer that the outbox would not take yet: repeated until it does. */
  const pending = new Map<string, Alert>()
  let isUnwritten = false

  const step = (condition: Condition, nowMs: number): Alert | null => {
    const state = known.get(condition.name) ?? { badSinceMs: null, goodSinceMs: null, openSinceMs: null, title: condition.title }
    known.set(condition.name, state)
    if (condition.finding === 'unknown') return null
    const isBad = condition.finding === 'bad'
    state.badSinceMs = isBad ? state.badSinceMs ?? nowMs : null
    state.goodSinceMs = isBad ? null : state.goodSinceMs ?? nowMs
    if (state.openSinceMs === null && state.badSinceMs !== null && nowMs - state.badSinceMs >= beginMs) {
      state.openSinceMs = state.badSinceMs
      state.title = condition.title
      return { id: idOf(condition, state.openSinceMs), kind: condition.kind, severity: condition.severity, title: condition.title, evidence: condition.evidence, at: new Date(state.openSinceMs) }
    }
    if (state.openSinceMs !== null && state.goodSinceMs !== null && nowMs - state.goodSinceMs >= endMs) {
      const id = idOf(condition, state.openSinceMs)
      const minutes = Math.max(1, Math.round((state.goodSinceMs - state.openSinceMs) / 60_000))
      const over: Alert = { id: `${id}-over`, about: id, kind: condition.kind, severity: 'low', title: `No longer: ${state.title}`, evidence: [`it lasted ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}`, ...condition.evidence], at: new Date(state.goodSinceMs) }
      state.openSinceMs = null
      return over
    }
    return null
  }

  return {
    open: () => [...known].filter(([, { openSinceMs }]) => openSinceMs !== null).map(([name]) => name),
    judge: async (found, nowMs) => {
      const told = found.map(condition => step(condition, nowMs)).filter(alert => alert !== null)
      if (told.length > 0 || isUnwritten) isUnwritten = !isWritten(file, known)
      for (const alert of told) pending.set(alert.id, alert)
      let refusal: unknown
      for (const [id, alert] of pending) {
        try {
          await offer(alert)
          pending.delete(id)
        } catch (error) {
          refusal ??= error
        }
      }
      if (refusal !== undefined) throw refusal
    }
  }
}

function idOf ({ kind, name }: Condition, beganMs: number): string {
  return `${kind}-${name}-${new Date(beganMs).toISOString()}`
}

/** A file that cannot be read is none: at worst a beginning is told twice. */
function readOpen (file: string): Record<string, Known> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, Known>
  } catch {
    return {}
  }
}

function isWritten (file: string, known: ReadonlyMap<string, Known>): boolean {
  try {
    writeOpen(file, known)
    return true
  } catch {
    return false
  }
}

function writeOpen (file: string, known: ReadonlyMap<string, Known>): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries([...known].filter(([, { openSinceMs }]) => openSinceMs !== null))), { flush: true })
  renameSync(`${file}.new`, file)
}
