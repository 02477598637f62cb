// A question that every judge must answer alike, in a form that each can translate: a filter as a nested list, a snapshot,
// and whether the rows themselves are wanted. Rows are compared as canonical text: columns in a fixed order joined by \x1f,
// null as \N, timestamps as microseconds since the epoch, decimals in full, doubles as millionths, nested fields by path.
// Java's `<` lets nulls pass, so a comparison is always written together with `not-null`.

export type Literal = { readonly kind: 'string' | 'long' | 'decimal' | 'double' | 'timestamptz', readonly value: string }
export type Filter =
  | readonly ['and' | 'or', Filter, Filter]
  | readonly ['not', Filter]
  | readonly ['is-null' | 'not-null', string]
  | readonly ['=' | '<' | '>=' | 'starts-with', string, Literal]
  | readonly ['in', string, readonly Literal[]]

export interface Question {
  readonly name: string
  readonly filter: Filter | null
  /** A snapshot id as text; null means the current one. */
  readonly snapshot: string | null
  readonly rows: boolean
}

/** A leaf column: `device.type` is the field `type` of the struct `device`. */
export interface LeafColumn { readonly path: string, readonly kind: 'string' | 'long' | 'int' | 'double' | 'timestamptz' | 'decimal' }

/** The filter as DuckDB's SQL. */
export function toSql (filter: Filter): string {
  switch (filter[0]) {
    case 'and': case 'or': return `(${toSql(filter[1])} ${filter[0]} ${toSql(filter[2])})`
    case 'not': return `(not ${toSql(filter[1])})`
    case 'is-null': return `(${quotePath(filter[1])} is null)`
    case 'not-null': return `(${quotePath(filter[1])} is not null)`
    case 'in': return `(${quotePath(filter[1])} in (${filter[2].map(literalSql).join(', ')}))`
    case 'starts-with': return `starts_with(${quotePath(filter[1])}, ${literalSql(filter[2])})`
    default: return `(${quotePath(filter[1])} ${filter[0]} ${literalSql(filter[2])})`
  }
}

/** The canonical text of a row as DuckDB's SQL over these columns. */
export function canonicalSql (columns: readonly LeafColumn[]): string {
  const texts = columns.map(({ path, kind }) => {
    const value = quotePath(path)
    switch (kind) {
      case 'timestamptz': return `coalesce(epoch_us(${value})::varchar, '\\N')`
      case 'double': return `coalesce(round(${value} * 1e6)::bigint::varchar, '\\N')`
      case 'string': return `coalesce(replace(replace(replace(${value}, '\\', '\\\\'), chr(10), '\\n'), chr(13), '\\r'), '\\N')`
      default: return `coalesce(${value}::varchar, '\\N')`
    }
  })
  return texts.join(' || chr(31) || ')
}

function quotePath (path: string): string {
  return path.split('.').map(name => `"${name}"`).join('.')
}

function literalSql ({ kind, value }: Literal): string {
  const quoted = `'${value.replaceAll("'", "''")}'`
  switch (kind) {
    case 'string': return quoted
    case 'timestamptz': return `timestamptz ${quoted}`
    case 'decimal': return `${quoted}::decimal(18, 2)`
    case 'long': return `${quoted}::bigint`
    case 'double': return `${quoted}::double`
  }
}
