// The contract as plain data: the fields, the base, the reserved names and the event types in one value.
// Everything else in this folder is a function of such a value, so that a test can pass another one.
import type { Field } from './kinds.ts'
import { baseFields, baseRequired, fields, reservedFields } from './fields.ts'
import { definitions, familyDefaults } from './event-types.ts'
import type { Default, Family } from './event-types.ts'

export interface EventType {
  readonly name: string
  readonly family: Family
  readonly doc: string
  /** wire names declared besides the base fields */
  readonly fields: readonly string[]
  /** those of `fields` that must be there */
  readonly required: readonly string[]
  readonly defaults: readonly Default[]
}

export interface Contract {
  readonly fields: Readonly<Record<string, Field>>
  readonly baseFields: readonly string[]
  readonly baseRequired: readonly string[]
  readonly reservedFields: readonly string[]
  readonly eventTypes: readonly EventType[]
}

export const eventTypes: readonly EventType[] = Object.entries(definitions).map(([name, { family, doc, fields, required }]) =>
  ({ name, family, doc, fields, required, defaults: familyDefaults[family] }))

/** Rises with each release that adds a field: who wrote a record by a higher one may know more than who reads it. */
export const contractVersion: number = Math.max(...Object.values(fields as Contract['fields']).map(({ since }) => since))

export const contract: Contract = { fields, baseFields, baseRequired, reservedFields, eventTypes }
