// Which columns of a source a model can see at all, by the words of its SQL: what is read of the files, and what counts as a
// change. A superset, or null for "all". And which files can hold rows of the types that it asks for. Pure.

import { identityValue, quoteText, recordedSchema, type LiveFile, type LoadedTable, type NestedField } from '../../catalog/index.ts'
import { fail } from '../errors.ts'
import { watermarkHole, type Model, type SourceRead } from '../models/model-file.ts'
import { tokensOf } from '../query/sql-tokens.ts'

export function columnsRead (model: Model, read: SourceRead, table: LoadedTable): string[] | null {
  const tokens = tokensOf(model.sql)
  const words = new Set<string>()
  for (const [i, { kind, text }] of tokens.entries()) {
    if (text === '*' && /^(select|distinct|all|,|\.)$/i.test(tokens[i - 1]?.text ?? '')) return null
    if (kind === 'word') words.add(text.toLowerCase())
    else if (kind === 'quoted') words.add(text.slice(1, -1).replaceAll('""', '"').toLowerCase())
  }
  if (read.by !== null) words.add(read.by)
  if (read.eventTypes !== null) words.add('event_type')
  const columns = recordedSchema(table.metadata).fields.map(({ name }) => name).filter(name => words.has(name.toLowerCase()))
  // A source of which nothing but the number of rows matters still has rows.
  return columns.length === 0 ? null : columns
}

/** Throws MODEL_INVALID when the source has no such column. */
export function fieldOf (model: Model, table: LoadedTable, column: string): NestedField {
  const field = recordedSchema(table.metadata).fields.find(({ name }) => name === column)
  if (field === undefined) throw fail('MODEL_INVALID', { model: model.name, reason: `${[...table.id.namespace, table.id.name].join('.')} has no column ${column}` })
  return field
}

/** By the partition, where the file's spec says the type: a foreign spec may have any other field under that name. */
export function filesOfTypes (read: SourceRead, { metadata }: LoadedTable, files: readonly LiveFile[]): LiveFile[] {
  const types = read.eventTypes
  if (types === null) return [...files]
  const id = recordedSchema(metadata).fields.find(({ name }) => name === 'event_type')?.id
  return files.filter(file => {
    const type = identityValue(metadata, file, id)
    return typeof type !== 'string' || types.includes(type)
  })
}

export function typesSql (read: SourceRead): string {
  return read.eventTypes === null ? 'true' : `event_type in (${read.eventTypes.map(quoteText).join(', ')})`
}

export function usesWatermark (model: Model): boolean {
  return model.sql.includes(watermarkHole)
}
