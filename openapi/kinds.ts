// The kinds of value that a field can have. One kind fixes everything at once: the TypeBox schema (and through it
// the OpenAPI document and the TypeScript type), the Iceberg column type, and how the byte reader checks it.
// A new kind needs a line here and a case in `judge.ts`; a new field of a known kind needs neither.
import { Type } from 'typebox'
import type { Static, TSchema } from 'typebox'
import { nothingPattern } from './identities.ts'

/** The Iceberg spec's spelling of a type. */
export type IcebergType = string | { type: 'struct', fields: ContractColumn[] }

/** A table column: `wire` is its name in JSON, `name` its name in the table. */
export interface ContractColumn {
  name: string
  wire: string
  type: IcebergType
  required: boolean
  doc: string
  since: number
}

export type Kind =
  | { is: 'text', charsMin: number, charsMax: number | null, pattern: string | null, oneOf: readonly string[] | null, sense: Sense | null }
  | { is: 'integer' }
  | { is: 'double' }
  | { is: 'boolean' }
  | { is: 'money', precision: number, scale: number }
  | { is: 'time' }
  | { is: 'object', reserved: readonly string[] }
  | { is: 'struct', children: Readonly<Record<string, Field>>, textBecomes: string }

/** What a text says beyond itself: an identity tells one from another, a currency is a code in one form. */
export type Sense = 'identity' | 'currency'

/** One field of the contract. `since` is the contract version that first had it. */
export interface Field<S extends TSchema = TSchema> {
  readonly kind: Kind
  readonly schema: S
  readonly iceberg: IcebergType
  readonly column: string | null
  readonly doc: string
  readonly since: number
}

export interface FieldOptions { since?: number, column?: string }

export const moneyPattern = '^-?(0|[1-9][0-9]{0,15})(\\.[0-9]{1,2})?$'

export function text (doc: string, options: FieldOptions & { charsMin?: number, charsMax?: number, pattern?: string, examples?: string[] } = {}) {
  const { charsMin = 0, charsMax = null, pattern = null } = options
  const schema = Type.String({
    description: doc,
    ...(charsMin > 0 ? { minLength: charsMin } : {}),
    ...(charsMax !== null ? { maxLength: charsMax } : {}),
    ...(pattern !== null ? { pattern } : {}),
    ...(options.examples ? { examples: options.examples } : {})
  })
  return field(schema, { is: 'text', charsMin, charsMax, pattern, oneOf: null, sense: null }, 'string', doc, options)
}

/** An id. One that means nothing is absent where the id is optional, and refused where it is required. */
export function identity (doc: string, options: Parameters<typeof text>[1] = {}) {
  const field = text(doc, options)
  return { ...field, kind: { ...field.kind, sense: 'identity' } as Kind }
}

/** The schema of an id that has to be there. */
export function meaningful (schema: TSchema): TSchema {
  return { ...schema, not: { pattern: nothingPattern } } as TSchema
}

/** A currency: `eur` and `EUR ` are EUR, what is no code stays in `properties.$extra`. */
export function currency (doc: string, options: Parameters<typeof text>[1] = {}) {
  const field = text(doc, options)
  return { ...field, kind: { ...field.kind, sense: 'currency' } as Kind }
}

export function oneOf<const V extends string> (doc: string, values: readonly V[], options: FieldOptions = {}) {
  const schema = Type.Unsafe<V>(Type.String({ description: doc, enum: [...values] }))
  return field(schema, { is: 'text', charsMin: 0, charsMax: null, pattern: null, oneOf: values, sense: null }, 'string', doc, options)
}

export function integer (doc: string, options: FieldOptions = {}) {
  const schema = Type.Integer({ description: doc, minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER, format: 'int64' })
  return field(schema, { is: 'integer' }, 'long', doc, options)
}

export function double (doc: string, options: FieldOptions = {}) {
  return field(Type.Number({ description: doc, format: 'double' }), { is: 'double' }, 'double', doc, options)
}

export function boolean (doc: string, options: FieldOptions = {}) {
  return field(Type.Boolean({ description: doc }), { is: 'boolean' }, 'boolean', doc, options)
}

/** A decimal(18, 2). Exact only as text, so the schema admits both spellings and the reader never makes a float of it. */
export function money (doc: string, options: FieldOptions = {}) {
  const rule = 'At most 2 decimals and 16 digits before the point, no exponent; a JSON number or a string. Read digit by digit, never through a float.'
  const schema = Type.Union([
    Type.Number({ minimum: -9999999999999999.99, maximum: 9999999999999999.99 }),
    Type.String({ pattern: moneyPattern })
  ], { description: `${doc} ${rule}`, examples: [19.99, '19.99'] })
  return field(schema, { is: 'money', precision: 18, scale: 2 }, 'decimal(18, 2)', doc, options)
}

export function time (doc: string, options: FieldOptions = {}) {
  const schema = Type.String({ description: doc, format: 'date-time', examples: ['2025-03-14T09:26:53.589Z', '2025-03-14T10:26:53+01:00'] })
  return field(schema, { is: 'time' }, 'timestamptz', doc, options)
}

/** A free JSON object, kept as text. `reserved` are keys that the product writes there itself. */
export function object (doc: string, options: FieldOptions & { reserved?: readonly string[] } = {}) {
  const schema = Type.Record(Type.String(), Type.Unknown(), { description: doc })
  return field(schema, { is: 'object', reserved: options.reserved ?? [] }, 'string', doc, options)
}

/** A group of fields. A plain string is allowed in its place and stands for the child `textBecomes`. */
export function struct<C extends Record<string, Field>> (doc: string, children: C, textBecomes: keyof C & string, options: FieldOptions = {}) {
  const plain = children[textBecomes]
  if (plain?.kind.is !== 'text') throw new TypeError(`a plain string cannot become ${textBecomes}, which is no text`)
  const properties = Object.fromEntries(Object.entries(children).map(([wire, child]) => [wire, optional(child.schema)]))
  type Value = { [K in keyof C]?: Static<C[K]['schema']> | null }
  const schema = Type.Unsafe<Value | string>(Type.Union([
    Type.Object(properties),
    Type.Unsafe<string>({ ...plain.schema, description: `Stored as \`${textBecomes}\`.` })
  ], { description: `${doc} A plain string is stored as its \`${textBecomes}\`.` }))
  const fields = Object.entries(children).map(([wire, child]) => columnOf(wire, child, false))
  return field(schema, { is: 'struct', children, textBecomes }, { type: 'struct', fields }, doc, options)
}

/** Optional fields may be absent or null: both are an empty column. */
export function optional (schema: TSchema): TSchema {
  return Type.Optional(Type.Union([schema, Type.Null()]))
}

export function columnOf (wire: string, field: Field, required: boolean): ContractColumn {
  return { name: field.column ?? wire, wire, type: field.iceberg, required, doc: field.doc, since: field.since }
}

function field<S extends TSchema> (schema: S, kind: Kind, iceberg: IcebergType, doc: string, options: FieldOptions): Field<S> {
  return { kind, schema, iceberg, column: options.column ?? null, doc, since: options.since ?? 1 }
}
