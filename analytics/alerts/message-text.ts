// A message as text, as HTML and for a webhook, from the templates beside this file. What comes from an event is data: it is
// escaped for where it goes, and a query that somebody will paste into a shell is quoted for that shell.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { oneLine, scoreOf, type Alert, type AlertQuery } from './alert.ts'
import type { MessageKind } from './ledger-state.ts'

const digestRowsMax = 100
const folder = join(import.meta.dirname, 'templates')

export interface MessageText { readonly subject: string, readonly text: string, readonly html: string }

type Holes = Readonly<Record<string, string>>

/** The text of a message about these alerts; of an update and a single alert there is one. */
export function renderMessage (kind: MessageKind, alerts: readonly Alert[]): MessageText {
  return alerts.length > 1 ? renderDigest(kind, alerts) : renderAlert(kind, alerts[0]!)
}

function renderAlert (kind: MessageKind, alert: Alert): MessageText {
  const queries = queriesOf(alert.query)
  const holes: Holes = {
    ...describe(alert), ...queries,
    lead: continuations[kind]?.lead ?? leads[alert.kind],
    footer: kind === 'alert' || kind === 'digest'
      ? 'firn sends one mail for each alert. If its score grows, or its reason goes, a reply to this mail says so.'
      : 'firn sends one mail for each alert, and a reply to it when the score grows, the reason goes or comes back.'
  }
  const list = alert.evidence.length === 0 ? ['(none given)'] : alert.evidence
  return {
    subject: `[firn] ${continuations[kind]?.subject ?? ''}${subjectOf(alert)}`,
    text: fill('txt', 'alert', holes, { evidence: list.map(line => `  - ${line}`).join('\n') }),
    html: fill('html', 'alert', holes, { evidence: list.map(line => `<li>${escapeHtml(line)}</li>`).join('\n') })
  }
}

function renderDigest (kind: MessageKind, alerts: readonly Alert[]): MessageText {
  const ranked = [...alerts].sort((a, b) => scoreOf(b) - scoreOf(a) || a.at.getTime() - b.at.getTime())
  const shown = ranked.slice(0, digestRowsMax)
  const more = ranked.length - shown.length
  const times = alerts.map(({ at }) => at.getTime()).sort((a, b) => a - b)
  const holes: Holes = {
    count: `${alerts.length.toLocaleString('en')} ${kind === 'withdrawal' ? 'withdrawn alerts' : 'alerts'}`, ...kind === 'withdrawal' ? goneTogether : comeTogether, from: printTime(new Date(times[0]!)), to: printTime(new Date(times.at(-1)!)),
    more: more > 0 && kind === 'withdrawal' ? `and ${more.toLocaleString('en')} more` : more > 0 ? `and ${more.toLocaleString('en')} more, each with a lower score: npm run sql -- "select * from analytics.fraud_alerts order by score desc"` : ''
  }
  return {
    subject: `[firn] ${holes.count}: ${oneLine(shown[0]!.title).slice(0, 80)}, and others`,
    text: fill('txt', 'digest', holes, { rows: shown.map(alert => `  ${describe(alert).score.padStart(5)}  ${describe(alert).at}  ${alert.title}${alert.evidence.length > 0 ? `\n         ${alert.evidence.join('; ')}` : ''}`).join('\n') }),
    html: fill('html', 'digest', holes, { rows: shown.map(alert => fill('html', 'digest-row', { ...describe(alert), evidence: alert.evidence.join('; ') }, {})).join('') })
  }
}

/** How a message begins that follows another in its thread. */
const continuations: Partial<Record<MessageKind, { readonly subject: string, readonly lead: string }>> = {
  update: { subject: 'more: ', lead: 'This alert was sent before; its score has grown since.' },
  withdrawal: { subject: 'withdrawn: ', lead: 'This alert was sent before; what it was about no longer holds.' },
  return: { subject: 'again: ', lead: 'This alert was sent before and withdrawn; its reason is back.' }
}

const comeTogether = { what: 'about events', why: 'They came too fast, or are too old, for a mail each. The highest scores come first' }
const goneTogether = { what: 'found gone', why: 'They were told in one message before; what they were about no longer holds' }

const leads: Record<Alert['kind'], string> = {
  fraud: 'An order looks like fraud. It can still be stopped.',
  quality: 'Rows look worse than they should.',
  pipeline: 'The line itself needs somebody.',
  job: 'A job did not do what it should.'
}

function describe (alert: Alert): { id: string, kind: string, severity: string, title: string, at: string, score: string } {
  return {
    id: oneLine(alert.id), kind: alert.kind, severity: alert.severity, title: oneLine(alert.title), at: printTime(alert.at),
    score: alert.score === undefined ? '–' : String(alert.score)
  }
}

function subjectOf (alert: Alert): string {
  return oneLine(`${alert.title}${alert.score === undefined ? '' : ` (score ${alert.score})`}`)
}

/** Both engines' forms of the question: for a terminal of this project, and for Trino. */
export function queriesOf (query: Alert['query']): { firn: string, trino: string } {
  if (query === undefined) return { firn: '(none)', trino: '(none)' }
  if (typeof query === 'string') return { firn: `npm run sql -- ${quoteForShell(query)}`, trino: query }
  const asOf = query.snapshotId === null ? '' : `--as-of ${query.snapshotId} `
  return { firn: `npm run sql -- ${asOf}${quoteForShell(atTable(query, query.table))}`, trino: atTable(query, `lake.${query.table}${query.snapshotId === null ? '' : ` for version as of ${query.snapshotId}`}`) }
}

function atTable ({ sql }: AlertQuery, table: string): string {
  return sql.replace('{table}', () => table)
}

/** A text as an SQL literal that stays on one line and cannot end early. */
export function sqlText (value: string): string {
  return value.split(/([\p{Cc}\p{Zl}\p{Zp}])/u).map((part, i) => i % 2 === 1 ? `chr(${part.codePointAt(0)})` : `'${part.replaceAll("'", "''")}'`)
    .filter((part, _, all) => part !== "''" || all.length === 1).join(' || ') || "''"
}

/** Readable where nothing in it means anything to a shell, otherwise so that nothing can. */
function quoteForShell (text: string): string {
  return /^[^"`$\\!]*$/.test(text) ? `"${text}"` : `'${text.replaceAll("'", String.raw`'\''`)}'`
}

const printTime = (time: Date): string => time.toISOString().replace('T', ' ').replace(/(\.000)?Z$/, ' UTC')

const templates = new Map<string, string>()

/** `raw` holes are markup already; everything else is escaped where the file is HTML. An unknown hole is a programmer error. */
function fill (format: 'txt' | 'html', name: string, holes: Holes, raw: Holes): string {
  const file = `${name}.${format}`
  let template = templates.get(file)
  if (template === undefined) templates.set(file, template = readFileSync(join(folder, file), 'utf8'))
  return template.replaceAll(/\{\{(\w+)\}\}/g, (_, hole: string) => {
    if (raw[hole] !== undefined) return raw[hole]
    const value = holes[hole]
    if (value === undefined) throw new TypeError(`templates/${file} has a hole {{${hole}}} that nobody fills`)
    return format === 'html' ? escapeHtml(value) : value
  })
}

export function escapeHtml (text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;')
}
