/**
 * Which field of a table each of a writer's own columns is, after other engines have changed the schema.
 *
 * A column is its field id, recorded in a property of the table when the column was made: renamed, it is still ours; dropped, it is not the
 * one that came later under its name. Pure: says what fits, what has to be added, or why the table cannot be written and what the operator
 * can do. Accepted values never vanish: a column that is gone is added again, one that is needed to tell rows apart comes back as itself.
 */
import { assignTypeIds, currentSchema, listFields } from './schema.ts'
import { fieldOf, nameOfType, sameTypeName, widens, type WantedColumn } from './schema-evolution.ts'
import type { NestedField, Schema, StructType, TableMetadata, Type } from './types.ts'

/** JSON: the writer's name of each column (`location.city` for a member) → field id. */
export const ownColumnsProperty = 'firn.columns'

export type OwnIds = ReadonlyMap<string, number>

/** Why rows cannot be written to a table as it is, and what can be done about it. */
export interface TableHalt { readonly kind: 'halt', readonly reason: string, readonly advice: string }

export type ColumnMatch =
  | TableHalt
  | {
    readonly kind: 'fits'
    readonly ids: OwnIds
    /** What a commit of metadata alone has to change first; null when nothing. */
    readonly change: { readonly schema: Schema, readonly lastColumnId: number, readonly ids: OwnIds, readonly changes: readonly string[] } | null
  }

export function readOwnIds({ properties }: Pick<TableMetadata, 'properties'>): OwnIds {
  const text = properties[ownColumnsProperty]
  if (text === undefined) return new Map()
  try {
    const parsed = JSON.parse(text) as Record<string, unknown>
    return new Map(Object.entries(parsed).filter((entry): entry is [string, number] => Number.isInteger(entry[1])))
  } catch {
    return new Map()
  }
}

export function printOwnIds(ids: OwnIds): string {
  return JSON.stringify(Object.fromEntries(ids))
}

/**
 * The table under the names that its makers recorded: who reads a column reads the same one, whatever other engines call it by now. Columns
 * of others keep their names; one that took a recorded name is left out.
 */
export function recordedSchema(metadata: TableMetadata): Schema {
  const schema = currentSchema(metadata)
  const recorded = isNew(metadata) ? new Map<string, number>() : readOwnIds(metadata)
  if (recorded.size === 0) return schema
  const names = new Map([...recorded].map(([path, id]) => [id, path.slice(path.lastIndexOf('.') + 1)]))
  const fields = underRecorded(schema.fields, names)
  return fields === schema.fields ? schema : { ...schema, fields: [...fields] }
}

function underRecorded(fields: readonly NestedField[], names: ReadonlyMap<number, string>): readonly NestedField[] {
  const ours = new Set(fields.flatMap(({ id }) => names.get(id)?.toLowerCase() ?? []))
  const found = fields.flatMap(field => {
    const name = names.get(field.id)
    if (name === undefined) return ours.has(field.name.toLowerCase()) ? [] : [field]
    if (typeof field.type === 'string' || field.type.type !== 'struct') return name === field.name ? [field] : [{ ...field, name }]
    const members = underRecorded(field.type.fields, names)
    return name === field.name && members === field.type.fields ? [field] : [{ ...field, name, type: { ...field.type, fields: [...members] } }]
  })
  return found.length === fields.length && found.every((field, index) => field === fields[index]) ? fields : found
}

/** The record for a new table, as a property: catalogs give ids in one order. A table in its first state is numbered by its names all the same. */
export function ownColumnsOf({ fields }: Schema): Record<string, string> {
  return { [ownColumnsProperty]: printOwnIds(new Map(fields.flatMap(field => pathsOf(field, field.name)))) }
}

export function matchColumns(metadata: TableMetadata, wanted: readonly WantedColumn[]): ColumnMatch {
  const schema = currentSchema(metadata)
  const recorded = isNew(metadata) ? new Map<string, number>() : readOwnIds(metadata)
  const match = new Match(metadata, recorded)
  try {
    const fields = match.struct(schema.fields, wanted.map(fieldOf), '')
    const before = readOwnIds(metadata)
    const isRecorded = [...match.ids].every(([path, id]) => before.get(path) === id)
    if (match.changes.length === 0 && isRecorded) return { kind: 'fits', ids: match.ids, change: null }
    // What a later release recorded stays: it may come back.
    const ids = new Map([...before, ...match.ids])
    return { kind: 'fits', ids: match.ids, change: { schema: match.changes.length === 0 ? schema : { ...schema, fields }, lastColumnId: match.last, ids, changes: match.changes } }
  } catch (error) {
    if (error instanceof Halt) return { kind: 'halt', reason: error.message, advice: error.advice }
    throw error
  }
}

/** As it was created. */
function isNew({ schemas, snapshots }: TableMetadata): boolean {
  return schemas.length === 1 && schemas[0]?.['schema-id'] === 0 && snapshots.length === 0
}

class Halt extends Error {
  readonly advice: string
  constructor(reason: string, advice: string) {
    super(reason)
    this.advice = advice
  }
}

class Match {
  readonly ids = new Map<string, number>()
  readonly changes: string[] = []
  last: number
  readonly #recorded: OwnIds
  readonly #history: OwnIds
  readonly #ours: ReadonlySet<number>

  constructor(metadata: TableMetadata, recorded: OwnIds) {
    this.last = metadata['last-column-id']
    this.#recorded = recorded
    this.#history = idsOfHistory(metadata)
    this.#ours = new Set(recorded.values())
  }

  struct(current: readonly NestedField[], wanted: readonly NestedField[], prefix: string): NestedField[] {
    const found = new Map<number, NestedField>()
    const added: NestedField[] = []
    for (const want of wanted) {
      const path = prefix + want.name
      const field = this.#find(current, want, path)
      if (field === null) added.push(this.#add(want, path))
      else if (found.has(field.id)) throw new Halt(`column ${prefix}${field.name} would be both ${found.get(field.id)?.name} and ${want.name}`, `rename column ${prefix}${field.name}`)
      else {
        this.ids.set(path, field.id)
        found.set(field.id, this.#merge(field, want, path, prefix + field.name))
      }
    }
    for (const field of current) if (!found.has(field.id)) refuseRequired(field, prefix)
    return [...current.map(field => found.get(field.id) ?? field), ...added]
  }

  /** The field that the column is; null when it has to be added. */
  #find(current: readonly NestedField[], want: NestedField, path: string): NestedField | null {
    const id = this.#recorded.get(path) ?? (current.some(({ name }) => name === want.name) ? undefined : this.#history.get(path))
    const own = id === undefined ? undefined : current.find(field => field.id === id)
    if (own !== undefined) return own
    const named = current.find(({ name }) => name === want.name)
    if (named !== undefined) return this.#adopt(named, want, path, id)
    const rival = current.find(({ name }) => name.toLowerCase() === want.name.toLowerCase())
    if (rival !== undefined) {
      const place = path.slice(0, path.length - want.name.length) + rival.name
      throw new Halt(`column ${path} is missing, and ${place} differs from it only in case, which several engines cannot tell apart`, `rename column ${place}; ${path} is then added`)
    }
    return null
  }

  /** A column that another engine made under our name. */
  #adopt(named: NestedField, want: NestedField, path: string, gone: number | undefined): NestedField {
    const fits = typeof want.type !== 'string' || typeof named.type !== 'string'
      ? nameOfType(want.type) === nameOfType(named.type)
      : sameTypeName(named.type, want.type) || widens(want.type, named.type) || widens(named.type, want.type)
    const isTaken = this.#ours.has(named.id)
    if (fits && !isTaken && !(want.required && gone !== undefined)) return named
    const whose = isTaken ? 'another column of ours has that name now' : `another engine made column ${path} (field ${named.id}, type ${nameOfType(named.type)})`
    const reason = gone === undefined ? `${whose}, and ${nameOfType(want.type)} is written there` : `column ${path} (field ${gone}) was dropped, and ${whose}`
    throw new Halt(reason, `rename column ${path} to another name; ${path} is then added again`)
  }

  #add(want: NestedField, path: string): NestedField {
    const before = this.#recorded.get(path) ?? this.#history.get(path)
    if (before !== undefined && want.required) {
      // Its rows are told apart by it: only as itself does it show what they hold. Optional, since rows of others may lack it.
      this.changes.push(`restore ${path}`)
      this.ids.set(path, before)
      return { ...want, id: before, required: false }
    }
    if (want.required) throw new Halt(`column ${path} is missing, which is required`, `add column ${path} of type ${nameOfType(want.type)}`)
    this.changes.push(before === undefined ? `add ${path}` : `add ${path} again`)
    const id = this.last += 1
    const field = { ...want, id, type: assignTypeIds(want.type, () => this.last += 1) }
    for (const [place, each] of pathsOf(field, path)) this.ids.set(place, each)
    return field
  }

  #merge(field: NestedField, want: NestedField, path: string, place: string): NestedField {
    const type = this.#mergeType(field.type, want.type, path, place)
    const relaxed = field.required && !want.required
    if (relaxed) this.changes.push(`relax ${place}`)
    return type === field.type && !relaxed ? field : { ...field, type, required: field.required && !relaxed }
  }

  #mergeType(current: Type, want: Type, path: string, place: string): Type {
    if (typeof current === 'string' && typeof want === 'string') {
      if (sameTypeName(current, want) || widens(want, current)) return current
      if (widens(current, want)) {
        this.changes.push(`widen ${place} to ${want}`)
        return want
      }
    } else if (typeof current !== 'string' && typeof want !== 'string' && current.type === 'struct' && want.type === 'struct') {
      const before = this.changes.length
      const fields = this.struct(current.fields, want.fields, `${path}.`)
      return this.changes.length === before ? current : { ...current, fields } satisfies StructType
    } else if (typeof current !== 'string' && typeof want !== 'string' && current.type === want.type) return current
    throw new Halt(`column ${place} is another one now: type ${nameOfType(current)} cannot become ${nameOfType(want)}`, `drop column ${place}; ${path} is then added again`)
  }
}

/** A column of others, for which we have no value. */
function refuseRequired(field: NestedField, prefix: string): void {
  if (!field.required || (field['write-default'] ?? null) !== null) return
  throw new Halt(`another engine made column ${prefix}${field.name} required, and there is no value for it`, `make column ${prefix}${field.name} optional (ALTER COLUMN ${prefix}${field.name} DROP NOT NULL), or drop it`)
}

/** Where each name was last seen in a schema that the table still has, for tables of a time before ids were recorded. */
function idsOfHistory({ schemas }: TableMetadata): OwnIds {
  const found = new Map<string, number>()
  for (const schema of schemas) for (const { field, path, repeated } of listFields(schema)) if (!repeated) found.set(path.join('.'), field.id)
  return found
}

function pathsOf(field: NestedField, path: string): [string, number][] {
  if (typeof field.type === 'string' || field.type.type !== 'struct') return [[path, field.id]]
  return [[path, field.id], ...field.type.fields.flatMap(child => pathsOf(child, `${path}.${child.name}`))]
}
