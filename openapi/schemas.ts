// The JSON schema of each event type, built from the field definitions: what `GET /v1/schemas/{event_type}` answers,
// what the OpenAPI document contains, and what the TypeBox-compiled validator (the second opinion in the tests) runs.
import { Type } from 'typebox'
import type { TSchema } from 'typebox'
import { contract } from './contract.ts'
import type { Contract, EventType } from './contract.ts'
import { meaningful, optional } from './kinds.ts'

const schemas = new Map(contract.eventTypes.map(type => [type.name, eventSchema(contract, type)]))

/** The JSON schema (2020-12) of a declared event type, or null. */
export function schemaOf (eventType: string): object | null {
  return schemas.get(eventType) ?? null
}

export function eventSchema (contract: Contract, type: EventType | null): TSchema {
  const names = [...contract.baseFields, ...(type?.fields ?? [])]
  const required = new Set([...contract.baseRequired, ...(type?.required ?? [])])
  const defaults = new Map(type?.defaults.flatMap(rule => 'constant' in rule ? [[rule.field as string, rule.constant]] : []) ?? [])
  const properties: Record<string, TSchema> = {}
  for (const wire of names) {
    let schema = contract.fields[wire]!.schema
    if (wire === 'event_type' && type) schema = Type.Literal(type.name, { description: type.doc })
    if (wire === 'event_type' && !type) schema = Type.Unsafe<string>({ ...schema, not: { enum: contract.eventTypes.map(({ name }) => name) } })
    const { kind } = contract.fields[wire]!
    if (required.has(wire)) properties[wire] = kind.is === 'text' && kind.sense === 'identity' ? meaningful(schema) : schema
    // Added to the fresh schema itself: a copy of an optional schema would be a required one.
    else properties[wire] = defaults.has(wire) ? Object.assign(optional(schema), { default: defaults.get(wire) }) : optional(schema)
  }
  for (const wire of contract.reservedFields) properties[wire] = Type.Optional(Type.Never({ description: 'Reserved: added on the way, refused from a client.' }))
  return Type.Object(properties, {
    title: type?.name ?? 'event',
    description: type
      ? `${type.doc} Fields that are not listed are kept under \`properties.$extra\`.`
      : 'An event of a type that is not declared: the base fields; everything else is kept under `properties.$extra`.',
    additionalProperties: true
  })
}
