// For tests: one statement asked of DuckDB twice, with its optimizers and without any. An optimizer that changes what a
// statement answers is wrong, or the statement leaves open what it answers (ties without an order, sums of floats); either
// is a fault of ours to mend.

import type { DuckDBConnection } from '@duckdb/node-api'
import { quoteText } from '../../catalog/index.ts'

/** Every optimizer that this DuckDB knows. */
export async function optimizerNames (connection: DuckDBConnection): Promise<string[]> {
  return (await connection.runAndReadAll('select name from duckdb_optimizers() order by name')).getRows().map(([name]) => String(name))
}

/** Runs `work` while statements on this connection are planned as they are written. */
export async function unoptimized<T> (connection: DuckDBConnection, work: () => Promise<T>): Promise<T> {
  const names = await optimizerNames(connection)
  await connection.run(`set disabled_optimizers = ${quoteText(names.join(','))}`)
  try {
    return await work()
  } finally {
    await connection.run("set disabled_optimizers = ''")
  }
}
