// What docs/data-dictionary.md says about every model, rule and reference table, written from the headers of the .sql files,
// from analytics/reference/tables.json and from who reads whom.

import { freshnessGoals, readModels, readReferences, refusedEvents, type Model, type Reference, type SourceRead } from '../../analytics/models/index.ts'

export async function dataDictionary (): Promise<Record<'graph' | 'models' | 'rules' | 'reference', string>> {
  const models = await readModels()
  const references = [...await readReferences(), refusedEvents]
  const goals = freshnessGoals(models)
  const of = (kind: Model['kind']): string => {
    const those = models.filter(model => model.kind === kind).sort((a, b) => a.name < b.name ? -1 : 1)
    return [contents(those, goals), ...those.map(model => modelSection(model, models, goals.get(model.name)!))].join('\n\n')
  }
  return { graph: graph(models), models: of('model'), rules: of('rule'), reference: references.map(reference => referenceSection(reference, models)).join('\n\n') }
}

/** One arrow for each table that one reads, reference tables aside: they would cross all others. */
function graph (models: readonly Model[]): string {
  const node = (table: string): string => table.replace('analytics.', '').replace('firn.', 'firn_')
  const sources = [...new Set(models.flatMap(({ reads }) => reads.map(({ table }) => table)))].filter(table => table.startsWith('firn.')).sort()
  const arrows = models.flatMap(({ name, reads }) => reads.filter(({ table }) => !isReference(table)).map(({ table }) => `  ${node(table)} --> ${name}`)).sort()
  const rules = models.filter(({ kind }) => kind === 'rule').map(({ name }) => name).sort()
  return ['```mermaid', 'flowchart LR', ...sources.map(table => `  ${node(table)}[(${table})]`), ...rules.map(name => `  ${name}{{${name}}}`), ...arrows, '```'].join('\n')
}

function contents (models: readonly Model[], goals: ReadonlyMap<string, number>): string {
  return table(['table', 'answers', 'owner', 'unit', 'freshness'], models.map(model => [`[\`${model.name}\`](#${model.name})`, model.question, model.owner, unitOf(model), duration(goals.get(model.name)!)]))
}

function modelSection (model: Model, models: readonly Model[], goalMs: number): string {
  const { name, question, owner, reads, time, key, partition, sort, latenessMs, columns } = model
  const readers = models.filter(other => other.reads.some(({ table }) => table === `analytics.${name}`)).map(other => link(other.name))
  const facts = [
    ['owner', owner],
    ['unit', unitOf(model)],
    ...time === null ? [] : [['time', `\`${time}\``]],
    ['key', key.map(code).join(', ')],
    ['partition', partition.map(({ transform, column, count }) => code(transform === 'identity' ? column : `${transform}(${count === undefined ? '' : `${count}, `}${column})`)).join(', ') || 'none'],
    ...sort.length === 0 ? [] : [['sorted by', sort.map(code).join(', ')]],
    ['lateness', latenessMs === 0 ? 'none: nothing changes without a new row' : duration(latenessMs)],
    ['freshness', duration(goalMs)],
    ['reads', reads.map(readText).join('<br>')],
    ['read by', readers.join(', ') || 'nobody else']
  ]
  return [`### ${name}`, question, table(['', ''], facts as string[][]), table(['column', 'type', 'is'], columns.map(({ name, type, doc }) => [code(name), type, doc]))].join('\n\n')
}

function referenceSection ({ table: name, key, columns, file }: Reference, models: readonly Model[]): string {
  const readers = models.filter(({ reads }) => reads.some(({ table }) => table === name)).map(model => link(model.name))
  return [`### ${name.replace('analytics.', '')}`, `From ${file.includes('/') && file.endsWith('.csv') ? `\`analytics/reference/${file.split('/').at(-1)!}\`` : file}, key ${key.map(code).join(', ')}; read by ${readers.join(', ') || 'nobody'}.`,
    table(['column', 'type', 'is'], columns.map(({ name, type, doc }) => [code(name), type, doc]))].join('\n\n')
}

function readText ({ table, eventTypes, by, beforeMs }: SourceRead): string {
  const name = table.startsWith('analytics.') ? link(table.replace('analytics.', '')) : code(table)
  return [name, ...eventTypes === null ? [] : [`(${eventTypes.join(', ')})`], ...by === null ? [] : [`by ${code(by)}`], ...beforeMs === 0 ? [] : [`with ${duration(beforeMs)} before`]].join(' ')
}

function unitOf ({ unit }: Model): string {
  return unit.kind === 'key' ? `key ${code(unit.column)}` : unit.kind
}

function isReference (table: string): boolean {
  return table.startsWith('analytics.ref_')
}

function duration (ms: number): string {
  const [size, word] = ([[86_400_000, 'day'], [3_600_000, 'hour'], [60_000, 'minute'], [1000, 'second']] as const).find(([size]) => ms % size === 0)!
  return `${ms / size} ${word}${ms === size ? '' : 's'}`
}

function table (head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows.map(row => row.map(cell => cell.replaceAll('|', '\\|')))].map(row => `| ${row.join(' | ')} |`).join('\n')
}

function link (name: string): string {
  return `[\`${name}\`](#${name})`
}

function code (text: string): string {
  return `\`${text}\``
}
