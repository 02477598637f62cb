// What is new in the sources of a model since its recorded state, and which of its units that makes dirty. Errs on the side of
// more: a unit that is recomputed for nothing gives the same rows. Where it cannot be established, everything is dirty and
// the reason says why.

import { mayHold, quoteIdentifier, upperBound, type LiveFile } from '../../catalog/index.ts'
import type { Model, SourceRead } from '../models/model-file.ts'
import { sqlType } from '../models/render.ts'
import { refusedEvents } from '../reference/declaration.ts'
import type { Session } from './database.ts'
import type { ModelState } from './model-state.ts'
import type { PinnedTable, PinnedTables, SourceNews } from './pinned-tables.ts'
import { columnsRead, fieldOf, filesOfTypes, typesSql, usesWatermark } from './source-columns.ts'
import { countUnits, endOfTimeUs, floorTo, mergeRanges, rangeOver, rangesOfUnits, unitSql, unitsInPiecesMax, unitUs, widenForward, type TimeRange } from './time-ranges.ts'

/** Keys stand in the session's table `dirty_keys (key)`. */
export type Dirty =
  | { readonly kind: 'none' }
  | { readonly kind: 'all' }
  | { readonly kind: 'time', readonly ranges: readonly TimeRange[], readonly units: number }
  | { readonly kind: 'keys', readonly units: number }

export interface FoundDirty { readonly dirty: Dirty, /** What is new, in words. */ readonly reason: string }

export interface Question {
  readonly model: Model
  readonly session: Session
  readonly tables: PinnedTables
  readonly own: PinnedTable | null
  readonly state: ModelState | null
  readonly watermark: Date | null
  /** Recompute units from here on as well. */
  readonly from: Date | null
  /** The time column of a source that is a model. */
  readonly timeOf: (table: string) => string | null
}

type Rewritten = Extract<SourceNews, { kind: 'replaced' | 'rows' }>

interface News { readonly read: SourceRead, readonly pinned: PinnedTable, readonly changes: SourceNews, readonly files: LiveFile[] }

export async function findDirty (question: Question): Promise<FoundDirty> {
  const { model, state, own, tables } = question
  if (own === null || state === null) return all('it was never computed')
  if (state.digest !== model.digest) return all('its file changed')
  if ((await tables.files(own)).some(({ specId }) => specId !== own.table.metadata['default-spec-id'])) return all('its table was partitioned anew')
  const foreign = await foreignChange(question, own, state)
  if (foreign !== null) return all(foreign)
  const news: News[] = []
  for (const read of model.reads) {
    const pinned = tables.get(read.table)!
    const changes = await tables.news(read.table, pinned, state.sources.get(read.table) ?? null)
    const refused = refusal(read, pinned, changes)
    if (refused !== null) return all(refused)
    const files = changes.kind === 'appended' ? filesOfTypes(read, pinned.table, changes.files) : []
    if (files.length === 0 && !isRewritten(changes)) continue
    if (read.by === null && model.unit.kind !== 'full') return all(`${read.table} changed, which is read whole`)
    news.push({ read, pinned, changes, files })
  }
  const moved = usesWatermark(model) && question.watermark?.getTime() !== state.watermark?.getTime()
  if (news.length === 0 && !moved && question.from === null) return { dirty: { kind: 'none' }, reason: 'nothing new' }
  const reason = [...news.map(({ read, changes, files }) => isRewritten(changes) ? `${read.table} was rewritten` : `${files.length} new files in ${read.table}`), ...moved ? ['the watermark moved'] : [], ...question.from === null ? [] : [`from ${question.from.toISOString()}`]].join(', ')
  if (model.unit.kind === 'full') return all(reason)
  if (moved && (state.watermark === null || question.watermark === null || model.time === null)) return all('the watermark moved, and it has no time to count lateness from')
  const dirty = model.unit.kind === 'key' ? await findKeys(question, model.unit.column, news, moved) : await findTimes(question, unitUs[model.unit.kind], news, moved)
  return { dirty, reason }
}

function all (reason: string): FoundDirty {
  return { dirty: { kind: 'all' }, reason }
}

function isRewritten (changes: SourceNews): changes is Rewritten {
  return changes.kind === 'replaced' || changes.kind === 'rows'
}

/** Why a change cannot be followed. Models are rewritten all the time, and so is what the gateways tell; rows of other sources only ever come. */
function refusal (read: SourceRead, { state }: PinnedTable, changes: SourceNews): string | null {
  if (changes.kind === 'unknown') return `${read.table}: ${changes.reason}`
  return changes.kind === 'replaced' && state === null && read.table !== refusedEvents.table ? `rows of ${read.table} were removed or changed by somebody else` : null
}

/** Whether somebody else changed the model's own rows. */
async function foreignChange ({ tables }: Question, own: PinnedTable, state: ModelState): Promise<string | null> {
  if (state.own === (own.record?.snapshotId ?? null)) return null
  if (own.record === null || state.own === null) return 'its table was emptied or filled by somebody else'
  const snapshot = own.table.metadata.snapshots.find(one => one['snapshot-id'] === state.own)
  if (snapshot === undefined) return 'its table was changed by somebody else'
  const records = snapshot.summary['total-records']
  const changes = await tables.changes(own, { uuid: own.record.uuid, snapshotId: state.own, sequence: snapshot['sequence-number'], records: records === undefined ? -1n : BigInt(records) })
  return changes.kind === 'unchanged' || (changes.kind === 'appended' && changes.files.length === 0) ? null : 'its table was changed by somebody else'
}

/** From when to when rows lie whose lateness the watermark passed. */
function passed ({ model, state, watermark }: Question): { firstUs: bigint, lastUs: bigint } {
  const late = (time: Date): bigint => BigInt(time.getTime() - model.latenessMs) * 1000n
  return { firstUs: late(state!.watermark!), lastUs: late(watermark!) }
}

async function findTimes (question: Question, unit: bigint, news: readonly News[], moved: boolean): Promise<Dirty> {
  const ranges: TimeRange[] = []
  for (const { read, pinned, changes, files } of news) {
    const found = isRewritten(changes)
      ? rangesOfUnits((await question.session.rows(`select distinct ${unitSql(quoteIdentifier(read.by!), unit)} from ${await changedRows(question, read, pinned, changes)} where ${quoteIdentifier(read.by!)} is not null`)).map(([us]) => us as bigint), unit)
      : await unitsOfFiles(question, read, pinned, files, unit)
    ranges.push(...widenForward(found, BigInt(read.beforeMs) * 1000n, unit))
  }
  if (moved) {
    const { firstUs, lastUs } = passed(question)
    ranges.push(rangeOver(firstUs, lastUs, unit))
  }
  if (question.from !== null) ranges.push({ fromUs: floorTo(BigInt(question.from.getTime()) * 1000n, unit), toUs: endOfTimeUs })
  const merged = mergeRanges(ranges)
  const units = countUnits(merged, unit)
  if (merged.length === 0) return { kind: 'none' }
  return merged.length > 48 && units > unitsInPiecesMax ? { kind: 'all' } : { kind: 'time', ranges: merged, units: Number(units) }
}

/** A file whose bounds lie in one unit need not be read. */
async function unitsOfFiles ({ model, session }: Question, read: SourceRead, { table }: PinnedTable, files: readonly LiveFile[], unit: bigint): Promise<TimeRange[]> {
  const field = fieldOf(model, table, read.by!)
  const units = new Set<bigint>()
  const unclear = files.filter(file => {
    const upper = field.type === 'timestamptz' ? upperBound([file], field) : null
    if (typeof upper !== 'bigint' || mayHold(file, field, null, floorTo(upper, unit) - 1n)) return true
    units.add(floorTo(upper, unit))
    return false
  })
  if (unclear.length > 0) {
    const scan = await session.scan(table, unclear, read.eventTypes === null ? [read.by!] : [read.by!, 'event_type'])
    for (const [us] of await session.rows(`select distinct ${unitSql(quoteIdentifier(read.by!), unit)} from ${scan} where ${typesSql(read)} and ${quoteIdentifier(read.by!)} is not null`)) units.add(us as bigint)
  }
  return rangesOfUnits(units, unit)
}

async function findKeys (question: Question, key: string, news: readonly News[], moved: boolean): Promise<Dirty> {
  const { model, session, tables, own, from } = question
  const type = sqlType(model.columns.find(({ name }) => name === key)!.type, 'duckdb')
  const selects: string[] = []
  for (const { read, pinned, changes, files } of news) {
    fieldOf(model, pinned.table, read.by!)
    const rows = isRewritten(changes)
      ? await changedRows(question, read, pinned, changes)
      : await session.scan(pinned.table, files, read.eventTypes === null ? [read.by!] : [read.by!, 'event_type'])
    selects.push(`select ${quoteIdentifier(read.by!)} as key from ${rows} where ${typesSql(read)}`)
  }
  // Those whose lateness passed: the model's own rows, and rows of sources from which no row came as yet.
  const spans = [...moved ? [passed(question)] : [], ...from === null ? [] : [{ firstUs: BigInt(from.getTime()) * 1000n, lastUs: endOfTimeUs }]]
  const look = async (pinned: PinnedTable, time: string, keyColumn: string, where: string, ofTypes: (files: LiveFile[]) => LiveFile[]): Promise<void> => {
    const field = fieldOf(model, pinned.table, time)
    for (const { firstUs, lastUs } of spans) {
      const files = ofTypes(await tables.files(pinned)).filter(file => field.type !== 'timestamptz' || mayHold(file, field, firstUs, lastUs))
      if (files.length === 0) continue
      const column = `cast(${quoteIdentifier(time)} as timestamptz)`
      selects.push(`select ${quoteIdentifier(keyColumn)} as key from ${await session.scan(pinned.table, files)} where ${where} and ${field.type === 'timestamptz' ? quoteIdentifier(time) : column} between make_timestamptz(${firstUs}) and make_timestamptz(${lastUs})`)
    }
  }
  if (spans.length > 0) {
    if (model.time !== null) await look(own!, model.time, key, 'true', files => files)
    for (const read of model.reads) {
      const time = read.table === 'firn.events' ? 'event_time' : question.timeOf(read.table)
      if (read.by !== null && time !== null) await look(tables.get(read.table)!, time, read.by, typesSql(read), files => filesOfTypes(read, tables.get(read.table)!.table, files))
    }
  }
  if (selects.length === 0) return { kind: 'none' }
  await session.run(`create or replace temp table dirty_keys as select distinct cast(key as ${type}) as key from (${selects.join(' union all ')}) where key is not null`)
  const [[count]] = await session.rows('select count(*) from dirty_keys') as [[bigint]]
  return count === 0n ? { kind: 'none' } : { kind: 'keys', units: Number(count) }
}

/** The rows of a rewritten source that are not as they were, as far as the model can see: those before and those after. */
async function changedRows ({ model, session }: Question, read: SourceRead, { table }: PinnedTable, changes: Rewritten): Promise<string> {
  if (changes.kind === 'rows') return `(${changes.tables.map(name => `select * from ${name}`).join(' union all by name ')})`
  const { removed, added } = changes
  const columns = columnsRead(model, read, table)
  const list = columns === null ? '*' : columns.map(quoteIdentifier).join(', ')
  const before = `select ${list} from ${await session.scan(table, removed)}`
  const after = `select ${list} from ${await session.scan(table, added)}`
  return `((${before} except all ${after}) union all (${after} except all ${before}))`
}
