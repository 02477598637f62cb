// The contract as table columns, and what a SQL writer needs to read the JSON: one column per field over all types,
// `properties` last, then the columns that the writer adds itself. The order is stable: fields are only ever appended.
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

/**
 * The structure text of DuckDB's `from_json`: every contract field as VARCHAR, groups and free objects as JSON,
 * so that typing happens afterwards by explicit casts. Only for values that passed `readEvents`: VARCHAR also
 * takes a number for a string. For unchecked values use `jsonStructureExact`, where each field keeps its JSON token.
 */
export const jsonStructure: string = structureOf(contractColumns, wire => {
  const { is } = contract.fields[wire]!.kind
  return is === 'struct' || is === 'object' ? 'JSON' : 'VARCHAR'
})

export const jsonStructureExact: string = structureOf(contractColumns, () => 'JSON')

function structureOf (columns: readonly ContractColumn[], typeOf: (wire: string) => string): string {
  return JSON.stringify(Object.fromEntries(columns.map(({ wire }) => [wire, typeOf(wire)])))
}
