// A statement about one day: its holes {{date}}, {{from}} and {{to}} filled in with literals that both engines read.

import type { DuckDBValue } from '@duckdb/node-api'
import { timeLiteral } from '../models/render.ts'
import type { Answer } from '../query/engine.ts'

export function fillDay (statement: string, date: string): string {
  const from = new Date(`${date}T00:00:00Z`)
  const to = new Date(from.getTime() + 86_400_000)
  return statement.replaceAll('{{date}}', `date '${date}'`).replaceAll('{{from}}', timeLiteral(from)).replaceAll('{{to}}', timeLiteral(to))
}

/** All rows of a small answer. */
export async function rowsOf (answer: Answer): Promise<DuckDBValue[][]> {
  const rows: DuckDBValue[][] = []
  for await (const chunk of answer.chunks) rows.push(...chunk.map(row => [...row]))
  return rows
}
