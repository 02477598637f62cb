// What reference tables there are: every .csv file of the folder, typed by tables.json beside it. A column that is not
// declared is text, so a new file can be read at once; a declared one that the file lacks is refused when it is loaded.

import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'

export interface Reference {
  /** `analytics.ref_regions` */
  readonly table: string
  readonly file: string
  /** As the file has them, then those that are declared and not in the file, for which it is refused. */
  readonly columns: readonly ReferenceColumn[]
  /** What names a row. */
  readonly key: readonly string[]
}

export interface ReferenceColumn { readonly name: string, readonly type: string, readonly doc: string }

/** tables.json: name of the file → key and, per column, its type and what it is. */
type Declaration = Readonly<Record<string, { readonly key: readonly string[], readonly columns: Readonly<Record<string, readonly [type: string, doc: string]>> }>>

/** The one whose rows are no file's: refused-events.ts collects them. */
export const refusedEvents: Reference = {
  table: 'analytics.ref_refused_events',
  file: 'what the gateways say at /v1/refusals/hours',
  key: ['hour', 'gateway', 'code', 'write_key'],
  columns: [
    { name: 'hour', type: 'timestamptz', doc: 'The hour in which they were refused, in UTC.' },
    { name: 'gateway', type: 'string', doc: 'Which gateway; its own name, which it keeps over restarts.' },
    { name: 'code', type: 'string', doc: 'Why, such as EVENT_FIELD_TYPE.' },
    { name: 'write_key', type: 'string', doc: 'The name of the write key; null where none is wanted, or none was known.' },
    { name: 'events', type: 'long', doc: 'Refused events; a body that could not be read counts as one.' }
  ]
}

export const referenceFolder = import.meta.dirname

export async function readReferences (folder: string = referenceFolder): Promise<Reference[]> {
  const files = (await readdir(folder)).filter(name => name.endsWith('.csv')).sort()
  const declared = JSON.parse(await readFile(join(folder, 'tables.json'), 'utf8').catch(() => '{}')) as Declaration
  return await Promise.all(files.map(async name => {
    const file = join(folder, name)
    const names = (await readFile(file, 'utf8')).replace(/^\uFEFF/, '').split(/\r?\n/, 1)[0]!.split(',').map(name => name.trim().replace(/^"(.*)"$/, '$1'))
    const table = basename(name, '.csv')
    const { key = names.slice(0, 1), columns = {} } = declared[table] ?? {}
    return { table: `analytics.ref_${table}`, file, key, columns: [...new Set([...names, ...Object.keys(columns)])].map(name => ({ name, type: columns[name]?.[0] ?? 'string', doc: columns[name]?.[1] ?? '' })) }
  }))
}
