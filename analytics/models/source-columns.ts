// The columns of everything that a model can read: the event tables as the contract and the writer have them, reference
// tables as their declaration says, models as their headers say.

import { contractColumns, rowColumns, type IcebergType } from '../../openapi/index.ts'
import { readReferences, refusedEvents } from '../reference/declaration.ts'
import { tableOf } from './catalogue.ts'
import type { Model } from './model-file.ts'

export interface SourceColumn { readonly name: string, readonly type: IcebergType }

/** As the writer makes firn.dead_letters. */
export const letterColumns: readonly SourceColumn[] = [
  ...['reason', 'error'].map(name => ({ name, type: 'string' })), { name: 'payload', type: 'binary' }, ...['event_id', 'log_topic'].map(name => ({ name, type: 'string' })),
  { name: 'log_partition', type: 'int' }, { name: 'log_offset', type: 'long' }, { name: 'received_at', type: 'timestamptz' }, { name: 'committed_at', type: 'timestamptz' }
]

/** Table → its columns. */
export async function sourceColumns (models: readonly Model[]): Promise<Map<string, readonly SourceColumn[]>> {
  return new Map<string, readonly SourceColumn[]>([
    ['firn.events', [...contractColumns, ...rowColumns]],
    ['firn.dead_letters', letterColumns],
    [refusedEvents.table, refusedEvents.columns],
    ...(await readReferences()).map(({ table, columns }) => [table, columns] as const),
    ...models.map(model => [tableOf(model), model.columns] as const)
  ])
}
