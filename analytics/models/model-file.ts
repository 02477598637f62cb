// A model as its .sql file says it: a header of comments, then one SELECT. This reads the header and refuses what could not
// be run incrementally and still equal a full recompute: no clock, no randomness, every table named in `Reads`, every
// column declared. Pure: text in, a Model out.
//
//   -- Question:  How much was sold in each hour?
//   -- Reads:     analytics.orders by ordered_at
//   --            firn.events(order_created, order_cancelled) by event_time with 10 minutes before
//   --            analytics.regions
//   -- Unit:      hour | day | key order_id | full
//   -- Time:      hour
//   -- Key:       hour, currency
//   -- Partition: day(hour)
//   -- Sort:      hour
//   -- Needs:     analytics.orders where is_created
//   -- Lateness:  10 minutes
//   -- Freshness: 2 minutes
//   -- Owner:     sales
//   -- Columns:
//   --   hour      timestamptz    The hour, in UTC.
//   --   currency  string         ISO 4217 code.
//   select …

import { createHash } from 'node:crypto'
import { fail } from '../errors.ts'
import { tablesRead, tokensOf, type TableName } from '../query/sql-tokens.ts'

/** One source. Without `by` it is read whole, and any change of it makes every unit dirty. */
export interface SourceRead {
  /** `firn.events`, `analytics.orders` */
  readonly table: string
  /** Only rows of these types are seen; null: all rows. Of `firn.events` only. */
  readonly eventTypes: readonly string[] | null
  /** The source's column that says to which unit a row belongs: a time for hour and day, the key for key units. */
  readonly by: string | null
  /** How far before its own rows a unit looks. A new row then makes the units dirty that look at it. */
  readonly beforeMs: number
}

/** Rows of a source from which rows of the model come; without such rows it is rightly empty. Not part of how it runs. */
export interface Need {
  readonly table: string
  readonly eventTypes: readonly string[] | null
  /** Over the source's columns; null: all rows. */
  readonly where: string | null
}

export type Unit = { readonly kind: 'hour' | 'day' } | { readonly kind: 'key', readonly column: string } | { readonly kind: 'full' }

export interface PartitionTerm { readonly transform: 'identity' | 'hour' | 'day' | 'month' | 'bucket', readonly column: string, /** Of bucket. */ readonly count?: number }

export interface ModelColumn { readonly name: string, /** Iceberg's: string, long, int, double, boolean, date, timestamptz, decimal(18,2) */ readonly type: string, readonly doc: string }

export interface Model {
  readonly name: string
  /** Rules run first, when a snapshot lands; see the runner. */
  readonly kind: 'model' | 'rule'
  readonly question: string
  readonly owner: string
  readonly reads: readonly SourceRead[]
  readonly unit: Unit
  /** The model's column that an hour or day unit is cut from, and that lateness counts from. */
  readonly time: string | null
  readonly key: readonly string[]
  readonly partition: readonly PartitionTerm[]
  readonly sort: readonly string[]
  readonly latenessMs: number
  /** How far behind its sources it may be; null: what its kind has (see freshness.ts). */
  readonly freshnessMs: number | null
  readonly needs: readonly Need[]
  readonly columns: readonly ModelColumn[]
  readonly sql: string
  /** Changes when the file would give other rows: not with question, owner, freshness and docs. */
  readonly digest: string
}

const names = ['Question', 'Reads', 'Unit', 'Time', 'Key', 'Partition', 'Sort', 'Needs', 'Lateness', 'Freshness', 'Owner', 'Columns'] as const
type Name = typeof names[number]
const required: readonly Name[] = ['Question', 'Reads', 'Unit', 'Key', 'Owner', 'Columns']
const durationMs: Readonly<Record<string, number>> = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000 }
const columnType = /^(string|long|int|double|boolean|date|timestamptz|decimal\(\d{1,2},\d{1,2}\))$/
const moving = /^(now|current_timestamp|current_date|current_time|localtimestamp|localtime|random|rand|uuid|gen_random_uuid|today)$/i
/** In the SQL: the source's watermark as a timestamp with time zone. */
export const watermarkHole = '{{watermark}}'

/** Throws MODEL_INVALID with the file and what to mend. */
export function parseModel (name: string, text: string, kind: Model['kind'] = 'model'): Model {
  const refuse = (reason: string): never => { throw fail('MODEL_INVALID', { model: name, reason }) }
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(name)) refuse('its file name is not a table name: lower case letters, digits and _')
  const { fields, sql } = splitHeader(text, refuse)
  const one = (field: Name): string => (fields.get(field) ?? []).join(' ').trim()
  for (const field of required) if (one(field) === '') refuse(`its header has no "${field}:" line`)
  const columns = fields.get('Columns')!.filter(line => line !== '').map(line => readColumn(line, refuse))
  const isColumn = (column: string): string => columns.some(({ name }) => name === column) ? column : refuse(`${column} is not among its columns`)
  const unit = readUnit(one('Unit'), refuse)
  const time = one('Time') === '' ? null : isColumn(one('Time'))
  if ((unit.kind === 'hour' || unit.kind === 'day') && time === null) refuse(`a unit of one ${unit.kind} needs a "Time:" line`)
  if (unit.kind === 'key') isColumn(unit.column)
  const latenessMs = one('Lateness') === '' ? 0 : readDuration(one('Lateness'), refuse)
  if (latenessMs > 0 && time === null) refuse('lateness counts from a time: it needs a "Time:" line')
  const freshnessMs = one('Freshness') === '' ? null : readDuration(one('Freshness'), refuse)
  if (freshnessMs === 0) refuse('a freshness of nothing cannot be kept')
  const reads = fields.get('Reads')!.filter(line => line !== '').map(line => readSource(line, refuse))
  checkStatement(sql, reads, refuse)
  if (unit.kind !== 'full' && reads.every(({ by }) => by === null)) refuse('none of its sources says by which column rows belong to a unit ("by …")')
  const needs = fields.get('Needs')?.filter(line => line !== '').map(line => readNeed(line, reads, refuse)) ?? needsOf(reads)
  const list = (field: Name): string[] => one(field).split(/,(?![^(]*\))/).map(word => word.trim()).filter(word => word !== '')
  const partition = list('Partition').map(term => readPartition(term, refuse))
  for (const { column } of partition) isColumn(column)
  const body = { reads, unit, time, key: list('Key').map(isColumn), partition, sort: list('Sort').map(isColumn), latenessMs, types: columns.map(({ name, type }) => `${name} ${type}`), sql: tokensOf(sql).map(({ text }) => text) }
  return {
    name, kind, question: one('Question'), owner: one('Owner'), reads, unit, time, key: body.key, partition, sort: body.sort, latenessMs, freshnessMs, needs, columns, sql,
    digest: createHash('sha256').update(JSON.stringify(body)).digest('hex')
  }
}

function splitHeader (text: string, refuse: (reason: string) => never): { fields: Map<Name, string[]>, sql: string } {
  const fields = new Map<Name, string[]>()
  const lines = text.split('\n')
  let [at, current] = [0, null as string[] | null]
  for (; at < lines.length && /^--|^\s*$/.test(lines[at]!); at++) {
    const line = lines[at]!.replace(/^--\s?/, '')
    const match = /^([A-Z]\w+):\s*(.*)$/.exec(line)
    if (match !== null) {
      const name = names.find(name => name === match[1]) ?? refuse(`its header has an unknown line "${match[1]}:": it is one of ${names.join(', ')}`)
      if (fields.has(name)) refuse(`its header says "${name}:" twice`)
      fields.set(name, current = [match[2]!.trim()])
    } else if (/^\s+\S/.test(line)) current?.push(line.trim())
    else current = null
  }
  return { fields, sql: lines.slice(at).join('\n').trim().replace(/;\s*$/, '') }
}

function readColumn (line: string, refuse: (reason: string) => never): ModelColumn {
  const match = /^([a-z][a-z0-9_]*)\s+(\S+)\s+(\S.*)$/.exec(line)
  if (match === null) return refuse(`"${line}" is not a column: name, type and what it is`)
  const [, name, type, doc] = match as unknown as [string, string, string, string]
  if (!columnType.test(type)) return refuse(`column ${name} has the type ${type}: it is string, long, int, double, boolean, date, timestamptz or decimal(p,s)`)
  return { name, type, doc }
}

function readUnit (text: string, refuse: (reason: string) => never): Unit {
  if (text === 'hour' || text === 'day' || text === 'full') return { kind: text }
  const key = /^key ([a-z][a-z0-9_]*)$/.exec(text)?.[1]
  return key === undefined ? refuse(`its unit is "${text}": it is hour, day, full or "key" and a column`) : { kind: 'key', column: key }
}

function readSource (line: string, refuse: (reason: string) => never): SourceRead {
  const match = /^([a-z_]\w*\.[a-z_]\w*)(?:\s*\(([^)]*)\))?(?:\s+by\s+([a-z_]\w*))?(?:\s+with\s+(\d+ \w+)\s+before)?$/.exec(line)
  if (match === null) return refuse(`"${line}" is not a source: schema.table, (event types), by column, with … before`)
  const [, table, types, by, before] = match
  if (types !== undefined && table !== 'firn.events') return refuse(`event types belong to firn.events, not to ${table}`)
  return { table: table!, eventTypes: types === undefined ? null : types.split(',').map(type => type.trim()), by: by ?? null, beforeMs: before === undefined ? 0 : readDuration(before, refuse) }
}

function readNeed (line: string, reads: readonly SourceRead[], refuse: (reason: string) => never): Need {
  const [, source, where] = /^(\S+?(?:\s*\([^)]*\))?)(?:\s+where\s+(\S.*))?$/.exec(line) ?? []
  if (source === undefined) return refuse(`"${line}" is not what it needs: a source, and "where" with a condition`)
  const { table, eventTypes } = readSource(source, refuse)
  if (!reads.some(read => read.table === table)) refuse(`"Needs:" names ${table}, which "Reads:" does not name`)
  return { table, eventTypes, where: where ?? null }
}

/** What belongs to its units; of a model that is one whole, everything. References are there whether anything is sold or not. */
function needsOf (reads: readonly SourceRead[]): Need[] {
  const own = reads.filter(({ table }) => !table.startsWith('analytics.ref_'))
  const some = own.some(({ by }) => by !== null) ? own.filter(({ by }) => by !== null) : own
  return some.map(({ table, eventTypes }) => ({ table, eventTypes, where: null }))
}

function readPartition (text: string, refuse: (reason: string) => never): PartitionTerm {
  const bucket = /^bucket\((\d+),\s*([a-z]\w*)\)$/.exec(text)
  if (bucket !== null) return { transform: 'bucket', count: Number(bucket[1]), column: bucket[2]! }
  const time = /^(hour|day|month)\(([a-z]\w*)\)$/.exec(text)
  if (time !== null) return { transform: time[1] as 'hour' | 'day' | 'month', column: time[2]! }
  return /^[a-z]\w*$/.test(text) ? { transform: 'identity', column: text } : refuse(`"${text}" is no partition: hour(c), day(c), month(c), bucket(n, c) or c`)
}

function readDuration (text: string, refuse: (reason: string) => never): number {
  const match = /^(\d+) (second|minute|hour|day)s?$/.exec(text)
  return match === null ? refuse(`"${text}" is no duration, such as 10 minutes`) : Number(match[1]) * durationMs[match[2]!]!
}

function checkStatement (sql: string, reads: readonly SourceRead[], refuse: (reason: string) => never): void {
  const tokens = tokensOf(sql)
  if (!/^(select|with)$/i.test(tokens[0]?.text ?? '')) refuse('behind its header stands no SELECT')
  if (tokens.some(({ text }) => text === ';')) refuse('it has more than one statement')
  const clock = tokens.find(({ kind, text }) => kind === 'word' && moving.test(text))
  if (clock !== undefined) refuse(`${clock.text} differs from run to run: use ${watermarkHole}`)
  const tables = tablesRead(tokens)
  for (const table of tables) {
    if (!reads.some(read => read.table === nameOf(table))) refuse(`it reads ${nameOf(table)}, which "Reads:" does not name`)
    const next = tokens.find(({ start }) => start >= table.end)
    if (next === undefined || next.kind === 'sign' || /^(on|where|group|join|left|inner|cross|full|right|order|union|limit|as)$/i.test(next.text)) refuse(`${nameOf(table)} needs an alias, such as ${nameOf(table)} ${table.parts.at(-1)![0]}, without "as"`)
  }
  for (const { table } of reads) if (!tables.some(found => nameOf(found) === table)) refuse(`"Reads:" names ${table}, which it does not read`)
}

function nameOf ({ parts }: TableName): string {
  return parts.map(part => part.toLowerCase()).join('.')
}
