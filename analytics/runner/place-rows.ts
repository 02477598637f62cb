// Which partition each row of a session's table belongs to, by the spec that the model's table has now. catalog/ alone knows
// the transforms. The rows stand afterwards in a table with their partition's number in `_part`.

import { currentSchema, placeRows as place, placingTerms, quoteIdentifier, type LoadedTable, type Partition } from '../../catalog/index.ts'
import { fail } from '../errors.ts'
import type { Model } from '../models/model-file.ts'
import type { Session } from './database.ts'
import { layoutOfModel } from './model-table.ts'

/** Files that one run writes at most. */
const partsMax = 20_000

export interface PlacedRows {
  readonly table: string
  readonly parts: readonly { readonly partition: Partition, readonly rows: bigint, /** Which rows of the table. */ readonly where: string }[]
}

export async function placeRows (session: Session, own: LoadedTable, table: string, model: Model): Promise<PlacedRows> {
  const terms = placingTerms(layoutOfModel(own, model), currentSchema(own.metadata), quoteIdentifier)
  if (terms.length === 0) {
    const [[rows]] = await session.rows(`select count(*) from ${table}`) as [[bigint]]
    return { table, parts: rows === 0n ? [] : [{ partition: {}, rows, where: 'true' }] }
  }
  const into = `${table}_placed`
  const parts = await place(session.connection, { table, where: 'true', terms, into, isTemporary: true, partsMax })
  if ('tooMany' in parts) throw fail('MODEL_TABLE_UNFIT', { model: model.name, reason: `its rows fall into ${parts.tooMany} partitions or more, and ${partsMax} are written at most. What helps: partition it more coarsely` })
  return { table: into, parts: parts.map(({ partition, rows, part }) => ({ partition, rows, where: `_part = ${part}` })) }
}
