// The contract's front door: what an event is over HTTP, in the log, and as columns.
import { contract } from './contract.ts'
import type { Default } from './event-types.ts'
import { mapRecord as mapRecordWith, type MappedRecord, type MappingName } from './mappings.ts'
import { createReader } from './reader.ts'

export type { IcebergType, ContractColumn, Kind } from './kinds.ts'
export type { Contract, EventType } from './contract.ts'
export type { Default, EventOf, EventTypeName, Family } from './event-types.ts'
export type { BodyFormat, CheckedEvent, CheckOptions, EventReader, FoundAside, ReadResult } from './reader.ts'
export type { Amendment } from './judge.ts'
export type { ContractErrorCode, ContractErrorEntry } from './errors.ts'

export { contract, contractVersion, eventTypes } from './contract.ts'
export { baseFields, reservedFields } from './fields.ts'
export { eventSettings } from './event-settings.ts'
export { columnsOf, contractColumns, rowColumns } from './columns.ts'
export { splitMembers, type SplitEvent } from './members.ts'
export { currencyCodes, currencyOf } from './currencies.ts'
export { blanks, meansNothing } from './identities.ts'
export { decodeName } from './names.ts'
export { openApiDocument } from './document.ts'
export { schemaOf } from './schemas.ts'
export { mappingNames, topicMappings, type MappedRecord, type MappingName } from './mappings.ts'
export { ContractError, contractErrors } from './errors.ts'

/** Property of the events table: up to this time the writer found that every record of the log is in it (RFC 3339, UTC). */
export const idleUntilProperty = 'firn.idle-until'

/** Per event type: what the writer puts into a column where the client sent nothing. The value stays as sent. */
export const defaults: Readonly<Record<string, readonly Default[]>> =
  Object.fromEntries(contract.eventTypes.map(({ name, defaults }) => [name, defaults]))

export * as kinds from './kinds.ts'
export { createReader }

/** One for the process: as long as there is a single one, its variables are compiled in as constants, a fifth of its speed. */
const reader = createReader(contract)
export const { readEvents, checkEvent, findAside } = reader

export function mapRecord (mapping: MappingName, value: Uint8Array): MappedRecord | null {
  return mapRecordWith(mapping, value, reader.isReadAlike)
}
