// Asks Trino. An error comes in the result, not as a rejection: here it is thrown, with the statement that it is about.

import { BasicAuth, Trino } from 'trino-client'

export interface TrinoAnswer {
  readonly rows: ReadonlyArray<readonly unknown[]>
  /** Rows that Trino read from files, before any filter. */
  readonly rowsRead: number
  readonly splits: number
}

export interface TrinoLake {
  ask(sql: string, session?: Readonly<Record<string, string>>): Promise<TrinoAnswer>
  /** The first row. */
  row(sql: string): Promise<readonly unknown[]>
}

export function connectTrino (server: string): TrinoLake {
  const trino = Trino.create({ server, catalog: 'lake', schema: 'firn', source: 'firn-test-lake', auth: new BasicAuth('firn') })
  const ask = async (sql: string, session: Readonly<Record<string, string>> = {}): Promise<TrinoAnswer> => {
    const rows: unknown[][] = []
    let [rowsRead, splits] = [0, 0]
    for await (const { data, error, stats } of await trino.query({ query: sql, session: { time_zone_id: 'UTC', ...session } })) {
      if (error !== undefined && error !== null) throw new Error(`Trino: ${error.errorName}: ${error.message} (${sql.slice(0, 200)})`)
      rows.push(...(data as unknown[][] | undefined) ?? [])
      if (stats !== undefined) [rowsRead, splits] = [stats.processedRows, stats.totalSplits]
    }
    return { rows, rowsRead, splits }
  }
  return { ask, row: async sql => (await ask(sql)).rows[0] ?? [] }
}
