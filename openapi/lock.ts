// The lock file: every field and event type that was ever published, with its type. It is the memory of the contract,
// so that a later edit can be compared with all that clients and tables already rely on. Entries only ever grow.
import type { Contract } from './contract.ts'
import type { Default } from './event-types.ts'
import type { Field, IcebergType } from './kinds.ts'

export interface LockedField { column: string, type: string, since: number, required: boolean, oneOf?: readonly string[], pattern?: string, charsMax?: number }
export interface LockedType { fields: Record<string, 'required' | 'optional'>, defaults: Record<string, string> }

export interface ContractLock {
  /** the highest `since` of all fields */
  version: number
  /** by path: `amount`, `location.city` */
  fields: Record<string, LockedField>
  types: Record<string, LockedType>
}

export function lockOf (contract: Contract): ContractLock {
  const fields: Record<string, LockedField> = {}
  for (const [wire, field] of Object.entries(contract.fields)) {
    fields[wire] = lockField(wire, field, contract.baseRequired.includes(wire))
    if (field.kind.is === 'struct') {
      for (const [name, child] of Object.entries(field.kind.children)) fields[`${wire}.${name}`] = { ...lockField(name, child, false), since: Math.max(child.since, field.since) }
    }
  }
  const types = Object.fromEntries(contract.eventTypes.map(type => [type.name, {
    fields: Object.fromEntries(type.fields.map(wire => [wire, type.required.includes(wire) ? 'required' : 'optional'] as const)),
    defaults: Object.fromEntries(type.defaults.map(rule => [rule.field as string, printDefault(rule)]))
  }]))
  return { version: Math.max(...Object.values(fields).map(({ since }) => since)), fields, types }
}

export function printLock (lock: ContractLock): string {
  return `${JSON.stringify(lock, null, 2)}\n`
}

function printDefault (rule: Default): string {
  if ('withdrawnSince' in rule) return `none since ${rule.withdrawnSince}`
  return 'constant' in rule ? rule.constant : rule.product.join(' × ')
}

function lockField (wire: string, { kind, column, iceberg, since }: Field, required: boolean): LockedField {
  const rules = kind.is !== 'text' ? {} : {
    ...(kind.oneOf ? { oneOf: kind.oneOf } : {}),
    ...(kind.pattern !== null ? { pattern: kind.pattern } : {}),
    ...(kind.charsMax !== null ? { charsMax: kind.charsMax } : {})
  }
  return { column: column ?? wire, type: nameType(iceberg, kind.is), since, required, ...rules }
}

function nameType (iceberg: IcebergType, kind: string): string {
  if (typeof iceberg !== 'string') return 'struct'
  return kind === 'object' ? 'json' : iceberg
}
