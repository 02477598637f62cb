// The contract as table columns: one column per field over all types, `properties` last, then the columns that the writer
// adds itself. The order is stable: fields are only ever appended.
import { columnOf, integer, text, time } from './kinds.ts'
import type { ContractColumn } from './kinds.ts'
import { contract } from './contract.ts'
import type { Contract } from './contract.ts'

export function columnsOf (contract: Contract): ContractColumn[] {
  const names = Object.keys(contract.fields).filter(wire => wire !== 'properties')
  const last = 'properties' in contract.fields ? ['properties'] : []
  return [...names, ...last].map(wire => columnOf(wire, contract.fields[wire]!, contract.baseRequired.includes(wire)))
}

export const contractColumns: readonly ContractColumn[] = columnsOf(contract)

/** What the writer adds to each row: from the record's headers and its place in the log. */
export const rowColumns: readonly ContractColumn[] = [
  columnOf('received_at', time('When the gateway took the event.'), true),
  columnOf('ip', text('Address of the client.'), false),
  columnOf('user_agent', text('User agent of the client.'), false),
  columnOf('committed_at', time('When the writer made the row.'), true),
  columnOf('log_topic', text('Topic of the record.'), true),
  columnOf('log_partition', { ...integer('Partition of the record.'), iceberg: 'int' }, true),
  columnOf('log_offset', integer('Offset of the record.'), true)
]
