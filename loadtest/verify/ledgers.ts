// The senders' side: which events were acknowledged, refused, or left without an answer. A ledger that cannot be read is
// an error; only its very last line may be torn, because a killed sender may have been writing it.

import { createReadStream, globSync } from 'node:fs'
import { join } from 'node:path'
import { linesOf } from '../../runtime/index.ts'
import { fail } from '../errors.ts'

/** In the order in which one answer outweighs another: an event that was acknowledged by any try is acknowledged. */
export const answers = { acked: 0, refused: 1, unknown: 2 } as const
export type Answer = typeof answers[keyof typeof answers]

export interface Acknowledged {
  readonly files: readonly string[]
  readonly acked: ReadonlySet<string>
  readonly refused: ReadonlySet<string>
  /** Without an answer, and never acknowledged by another try. */
  readonly unknown: ReadonlySet<string>
}

export function findLedgers (dataDir: string): string[] {
  return globSync('ledger-*.ndjson', { cwd: join(dataDir, 'loadtest') }).sort().map(name => join(dataDir, 'loadtest', name))
}

/** Every answer in the ledgers, in order, however many there are. Throws VERIFY_NO_LEDGER. */
export async function * answersOf (files: readonly string[]): AsyncGenerator<readonly [id: string, answer: Answer]> {
  for (const file of files) {
    let torn: { line: number, text: string } | undefined
    let line = 0
    try {
      for await (const text of linesOf(createReadStream(file) as AsyncIterable<Buffer>)) {
        line++
        if (torn !== undefined) throw new Error(`line ${torn.line} is no JSON: ${torn.text.slice(0, 60)}`)
        if (text === '') continue
        const entry = parse(text)
        if (entry === null) {
          torn = { line, text }
          continue
        }
        for (const id of entry.acked ?? []) yield [id, answers.acked]
        for (const id of entry.unknown ?? []) yield [id, answers.unknown]
        for (const [id] of entry.refused ?? []) if (id !== null) yield [id, answers.refused]
      }
    } catch (error) {
      throw fail('VERIFY_NO_LEDGER', { file, reason: (error as Error).message }, error)
    }
  }
}

/** All of it in memory: for the ledgers of one run. */
export async function readLedgers (files: readonly string[]): Promise<Acknowledged> {
  const sets = [new Set<string>(), new Set<string>(), new Set<string>()] as const
  for await (const [id, answer] of answersOf(files)) sets[answer].add(id)
  const [acked, refused, unknown] = sets
  return { files, acked, refused: without(refused, acked), unknown: without(unknown, acked) }
}

function without (ids: ReadonlySet<string>, others: ReadonlySet<string>): Set<string> {
  return new Set([...ids].filter(id => !others.has(id)))
}

function parse (text: string): { acked?: string[], unknown?: string[], refused?: Array<[string | null, string]> } | null {
  try {
    return JSON.parse(text) as object
  } catch {
    return null
  }
}
