// The contract compiled into flat tables for the byte reader: each field, child of a group and reserved name gets a
// small id; each event type becomes a row of "does it declare field n". Done once per contract, at start.
import type { Contract, EventType } from './contract.ts'
import type { IcebergType, Kind, Sense } from './kinds.ts'
import { createNameTable } from './names.ts'
import type { NameTable } from './names.ts'

export const scopeTop = 0
export const scopeNone = -1

export interface PlannedField {
  readonly id: number
  readonly wire: string
  readonly path: string
  readonly kind: Kind | { is: 'reserved' }
  /** scope in which the keys of an object value are looked up, or -1 */
  readonly scope: number
  /** added after version 1: a wrong type stays in properties.$extra */
  readonly lenient: boolean
  readonly children: readonly PlannedField[]
  readonly oneOf: ReadonlySet<string> | null
  readonly sense: Sense | null
  readonly pattern: RegExp | null
  /** its column holds 32 bits alone */
  readonly isInt32: boolean
  /** any string will do */
  readonly free: boolean
  /** of a group: the child that a plain string stands for */
  readonly plain: PlannedField | null
}

export interface PlannedType {
  readonly name: string | null
  readonly declares: Uint8Array
  readonly required: readonly PlannedField[]
  /** per field id: 1 where it is among the required */
  readonly needs: Uint8Array
  readonly products: readonly { target: PlannedField, left: PlannedField, right: PlannedField }[]
}

export interface Plan {
  readonly fields: readonly PlannedField[]
  readonly scopes: readonly NameTable[]
  readonly scopeOf: Int32Array
  readonly top: Readonly<Record<string, PlannedField>>
  readonly types: readonly PlannedType[]
  readonly typeNames: NameTable
  readonly undeclared: PlannedType
}

export function planContract (contract: Contract): Plan {
  const fields: PlannedField[] = []
  const scopes: NameTable[] = []

  function add (wire: string, path: string, kind: PlannedField['kind'], since: number, iceberg: IcebergType | null): PlannedField {
    const id = fields.length
    fields.push(undefined as never) // the id is taken before the children take theirs
    const inner: [string, PlannedField['kind'], IcebergType | null][] =
      kind.is === 'struct' ? Object.entries(kind.children).map(([name, child]) => [name, child.kind, child.iceberg])
        : kind.is === 'object' ? kind.reserved.map(name => [name, { is: 'reserved' }, null])
          : []
    const children = inner.map(([name, kind, iceberg]) => add(name, `${path}.${name}`, kind, 1, iceberg))
    const planned: PlannedField = {
      id,
      wire,
      path,
      kind,
      scope: children.length > 0 ? addScope(children) : scopeNone,
      lenient: since > 1,
      children,
      oneOf: kind.is === 'text' && kind.oneOf ? new Set(kind.oneOf) : null,
      sense: kind.is === 'text' ? kind.sense : null,
      pattern: kind.is === 'text' && kind.pattern !== null ? new RegExp(kind.pattern, 'u') : null,
      isInt32: iceberg === 'int',
      free: kind.is === 'text' && kind.charsMin === 0 && kind.charsMax === null && kind.pattern === null && kind.oneOf === null,
      plain: kind.is === 'struct' ? children.find(child => child.wire === kind.textBecomes) ?? null : null
    }
    fields[id] = planned
    return planned
  }

  function addScope (children: readonly PlannedField[]): number {
    scopes.push(createNameTable(children.map(({ wire, id }) => ({ name: wire, id }))))
    return scopes.length - 1
  }

  scopes.push(undefined as never) // scope 0 is the event itself; filled below
  const top = [
    ...Object.entries(contract.fields).map(([wire, { kind, since, iceberg }]) => add(wire, wire, kind, since, iceberg)),
    ...contract.reservedFields.map(wire => add(wire, wire, { is: 'reserved' }, 1, null))
  ]
  scopes[scopeTop] = createNameTable(top.map(({ wire, id }) => ({ name: wire, id })))
  const byName = Object.fromEntries(top.map(field => [field.wire, field]))

  const planType = (name: string | null, type: Pick<EventType, 'fields' | 'required' | 'defaults'>): PlannedType => {
    const declares = new Uint8Array(fields.length)
    for (const wire of [...contract.baseFields, ...type.fields]) declares[byName[wire]!.id] = 1
    const needs = new Uint8Array(fields.length)
    for (const wire of [...contract.baseRequired, ...type.required]) needs[byName[wire]!.id] = 1
    return {
      name,
      declares,
      needs,
      required: type.required.map(wire => byName[wire]!),
      products: type.defaults.flatMap(rule => 'product' in rule
        ? [{ target: byName[rule.field]!, left: byName[rule.product[0]]!, right: byName[rule.product[1]]! }]
        : [])
    }
  }
  const types = contract.eventTypes.map(type => planType(type.name, type))
  return {
    fields,
    scopes,
    scopeOf: Int32Array.from(fields, field => field.scope),
    top: byName,
    types,
    typeNames: createNameTable(types.map(({ name }, id) => ({ name: name!, id }))),
    undeclared: planType(null, { fields: [], required: [], defaults: [] })
  }
}
