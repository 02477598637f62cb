// The contract's front door: what an event is over HTTP, in the log, and as columns.
import { contract } from './contract.ts'
import type { Default } from './event-types.ts'
import { createReader } from './reader.ts'

export type { IcebergType, ContractColumn, Kind } from './kinds.ts'
export type { Contract, EventType } from './contract.ts'
export type { Default, EventOf, EventTypeName, Family } from './event-types.ts'
export type { BodyFormat, CheckedEvent, CheckOptions, EventReader, FoundAside, ReadResult } from './reader.ts'
export type { ContractErrorCode, ContractErrorEntry } from './errors.ts'

export { contract, contractVersion, eventTypes } from './contract.ts'
export { baseFields, reservedFields } from './fields.ts'
export { columnsOf, contractColumns, jsonStructure, jsonStructureExact, rowColumns } from './columns.ts'
export { splitMembers, type SplitEvent } from './members.ts'
export { decodeName } from './names.ts'
export { openApiDocument } from './document.ts'
export { schemaOf } from './schemas.ts'
export { mappingNames, mapRecord, topicMappings, type MappingName } from './mappings.ts'
export { ContractError, contractErrors } from './errors.ts'

/** Per event type: what the writer puts into a column where the client sent nothing. The value stays as sent. */
export const defaults: Readonly<Record<string, readonly Default[]>> =
  Object.fromEntries(contract.eventTypes.map(({ name, defaults }) => [name, defaults]))

export * as kinds from './kinds.ts'
export { createReader }

export const { readEvents, checkEvent, findAside } = createReader(contract)
