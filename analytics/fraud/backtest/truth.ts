// What was fraud, by the side file of the generator, beside what a rule would have fired on: precision and recall by order.
// The truth never stands in an event, so a rule cannot know it. Pure but for reading the file.

import { readFile } from 'node:fs/promises'
import { fail } from '../../errors.ts'

/** Order → the pattern that it was played by. */
export type Truth = ReadonlyMap<string, string>

export interface Judgement {
  readonly fired: number
  readonly right: number
  /** Fired and fraud, of all fired; null when nothing fired. */
  readonly precision: number | null
  /** Fired and fraud, of all fraud; null without fraud. */
  readonly recall: number | null
  /** Per pattern, by name. */
  readonly patterns: ReadonlyArray<{ readonly pattern: string, readonly orders: number, readonly found: number }>
}

/** Lines {"event_id", "pattern", "sessionId", "orderId"}. Throws BACKTEST_TRUTH with the line. */
export async function readTruth (files: readonly string[]): Promise<Truth> {
  const truth = new Map<string, string>()
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => { throw fail('BACKTEST_TRUTH', { file, reason: error.code ?? error.message }, error) })
    for (const [i, line] of text.split('\n').entries()) {
      if (line.trim() === '') continue
      const { pattern, orderId } = parseLine(line, file, i + 1)
      if (typeof orderId === 'string' && typeof pattern === 'string') truth.set(orderId, pattern)
    }
  }
  return truth
}

/** `known`: the orders of the history; fraud that has not arrived in it is not missed. */
export function judge (fired: ReadonlySet<string>, truth: Truth, known: ReadonlySet<string>): Judgement {
  const patterns = new Map<string, { pattern: string, orders: number, found: number }>()
  for (const [order, pattern] of truth) {
    if (!known.has(order)) continue
    const entry = patterns.get(pattern) ?? { pattern, orders: 0, found: 0 }
    patterns.set(pattern, { pattern, orders: entry.orders + 1, found: entry.found + (fired.has(order) ? 1 : 0) })
  }
  const all = [...patterns.values()].sort((a, b) => a.pattern < b.pattern ? -1 : 1)
  const right = [...fired].filter(order => truth.has(order)).length
  const orders = all.reduce((sum, { orders }) => sum + orders, 0)
  return {
    fired: fired.size,
    right,
    precision: fired.size === 0 ? null : right / fired.size,
    recall: orders === 0 ? null : all.reduce((sum, { found }) => sum + found, 0) / orders,
    patterns: all
  }
}

function parseLine (line: string, file: string, number: number): Record<string, unknown> {
  try {
    const value = JSON.parse(line) as unknown
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Said below.
  }
  throw fail('BACKTEST_TRUTH', { file, reason: `line ${number} is no JSON object` })
}
