// The senders' side: which events were acknowledged, refused, or left without an answer. A ledger that cannot be read is
// an error; only its very last line may be torn, because a killed sender may have been writing it.

import { createReadStream, globSync } from 'node:fs'
import { join } from 'node:path'
import { linesOf } from '../../runtime/index.ts'
import { fail } from '../errors.ts'

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

export async function readLedgers (files: readonly string[]): Promise<Acknowledged> {
  const acked = new Set<string>()
  const refused = new Set<string>()
  const unknown = new Set<string>()
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
        for (const id of entry.acked ?? []) acked.add(id)
        for (const id of entry.unknown ?? []) unknown.add(id)
        for (const [id] of entry.refused ?? []) if (id !== null) refused.add(id)
      }
    } catch (error) {
      throw fail('VERIFY_NO_LEDGER', { file, reason: (error as Error).message }, error)
    }
  }
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
