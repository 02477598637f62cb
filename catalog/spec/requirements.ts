/**
 * The requirements of a commit (REST specification, `TableRequirement`, `ViewRequirement`): what the sender says it has seen, checked with
 * the sentences of Iceberg's own library, since clients and the compatibility kit match on them.
 *
 * They, and not the equality of the metadata file, decide whether a commit may land: two changes that do not touch the same thing both do.
 * A requirement that does not hold is a conflict: reload, stage again, send again.
 */
import { ChangeRefused, demand } from './refused.ts'
import type { Requirement, TableMetadata } from './types.ts'
import type { ViewMetadata, ViewRequirement } from './view-types.ts'

/** Throws ChangeRefused('conflict') naming the first requirement that does not hold. `base` is null when there is no such table. */
export function checkRequirements(base: TableMetadata | null, requirements: readonly Requirement[]): void {
  for (const requirement of requirements) {
    const reason = findConflict(base, requirement)
    if (reason !== null) throw new ChangeRefused('conflict', `Requirement failed: ${reason}`)
  }
}

export function checkViewRequirements(base: ViewMetadata, requirements: readonly ViewRequirement[]): void {
  for (const { type, uuid } of requirements) {
    demand(type === 'assert-view-uuid', () => `Cannot parse update requirement: ${String(type)} is not one of a view`)
    if (!sameUuid(uuid, base['view-uuid'])) throw new ChangeRefused('conflict', `Requirement failed: view UUID does not match: expected ${base['view-uuid']} != ${uuid}`)
  }
}

/** A request with `assert-create` makes a table; any other requirement beside it contradicts it. */
export function isCreate(requirements: readonly Requirement[]): boolean {
  const others = requirements.filter(requirement => requirement.type !== 'assert-create')
  if (others.length === requirements.length) return false
  demand(others.length === 0, () => `Invalid create requirements: ${others.map(other => other.type).join(', ')}`)
  return true
}

function findConflict(base: TableMetadata | null, requirement: Requirement): string | null {
  if (requirement.type === 'assert-create') return base === null ? null : 'table already exists'
  if (base === null) return 'table does not exist'
  switch (requirement.type) {
    case 'assert-table-uuid':
      return sameUuid(requirement.uuid, base['table-uuid']) ? null : `UUID does not match: expected ${base['table-uuid']} != ${requirement.uuid}`
    case 'assert-ref-snapshot-id': return findRefConflict(base, requirement.ref, requirement['snapshot-id'] ?? null)
    case 'assert-last-assigned-field-id': return compareIds('last assigned field id', requirement['last-assigned-field-id'], base['last-column-id'])
    case 'assert-current-schema-id': return compareIds('current schema', requirement['current-schema-id'], base['current-schema-id'])
    case 'assert-last-assigned-partition-id': return compareIds('last assigned partition id', requirement['last-assigned-partition-id'], base['last-partition-id'])
    case 'assert-default-spec-id': return compareIds('default partition spec', requirement['default-spec-id'], base['default-spec-id'])
    case 'assert-default-sort-order-id': return compareIds('default sort order', requirement['default-sort-order-id'], base['default-sort-order-id'])
    default: demand(false, () => `Cannot parse update requirement: unknown type ${String((requirement as { type?: unknown }).type)}`)
  }
}

function findRefConflict(base: TableMetadata, name: string, expected: bigint | null): string | null {
  const ref = base.refs[name]
  if (ref === undefined) return expected === null ? null : `branch or tag ${name} is missing, expected ${expected}`
  if (expected === null) return `${ref.type} ${name} was created concurrently`
  return ref['snapshot-id'] === expected ? null : `${ref.type} ${name} has changed: expected id ${expected} != ${ref['snapshot-id']}`
}

function compareIds(what: string, expected: number, found: number): string | null {
  return expected === found ? null : `${what} changed: expected id ${expected} != ${found}`
}

function sameUuid(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase()
}
