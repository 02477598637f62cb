// What a statement of a stranger may name on Trino: tables of the configured catalog, and functions that compute. Table functions
// (`table(other.system.query(…))` sends any text to any database) and other catalogs are refused; so is looking at sessions,
// roles and catalogs. Goes by words and signs; whatever Trino would read otherwise than these is refused, not guessed. Pure.

import { fail } from '../errors.ts'
import { tablesRead, tokensOf, type Token } from '../query/sql-tokens.ts'
import { readingStatement } from '../query/trino-statement.ts'

/** They compute from their arguments. */
const tableFunctions = new Set(['sequence', 'exclude_columns'])
const shown = new Set(['tables', 'columns', 'schemas', 'create', 'stats'])

/** Throws SQL_MISSING, SQL_INVALID, SQL_READ_ONLY, SQL_REFUSED. */
export function checkTrinoStatement (sql: string, catalog: string): void {
  const tokens = tokensOf(readingStatement(sql))
  const no = (what: string, at: Token | undefined): never => { throw fail('SQL_REFUSED', { what, place: at === undefined ? '' : placeOf(sql, at.start) }) }
  const isOurs = (parts: readonly string[]): boolean => parts.length < 3 || (parts.length === 3 && parts[0]!.toLowerCase() === catalog.toLowerCase())
  const begins = statementAt(tokens)
  for (const { parts, start } of tablesRead(tokens)) if (!isOurs(parts)) no(`table ${parts.join('.')}`, tokens.find(token => token.start === start))
  for (const [i, token] of tokens.entries()) {
    if (token.kind !== 'word') continue
    const word = token.text.toLowerCase()
    const next = tokens[i + 1]
    if (word === 'table' && next !== undefined) {
      const inner = next.text === '(' ? nameAt(tokens, i + 2) : nameAt(tokens, i + 1)
      if (next.text === '(' && inner.next?.text === '(' && !(tableFunctions.has(inner.parts.at(-1) ?? '') && inner.parts.length === 1)) no(`table function ${inner.parts.join('.')}`, token)
      if (!isOurs(inner.parts)) no(`table ${inner.parts.join('.')}`, token)
    }
    if (word === 'with' && next?.text.toLowerCase() === 'function') no('a function of one\'s own', token)
    // Anywhere else these words only say an order: `order by count(*) desc limit 3`.
    if (i === begins && (word === 'describe' || word === 'desc')) {
      const { parts, next: behind } = nameAt(tokens, i + 1)
      if (!isOurs(parts) || behind !== undefined) no(`describe ${parts.join('.')}`, token)
    }
  }
  if (tokens[begins]?.text.toLowerCase() === 'show') checkShow(tokens.slice(begins), isOurs, no)
}

/** Behind EXPLAIN, its ANALYZE and VERBOSE, and its options in parentheses. */
function statementAt (tokens: readonly Token[]): number {
  let at = 0
  while (/^(explain|analyze|verbose)$/i.test(tokens[at]?.text ?? '')) {
    at++
    if (tokens[at]?.text === '(' && /^explain$/i.test(tokens[at - 1]!.text)) at = closing(tokens, at) + 1
  }
  return at
}

/** Where the parenthesis at `at` closes; the last token where it does not. */
function closing (tokens: readonly Token[], at: number): number {
  let depth = 0
  for (let i = at; i < tokens.length; i++) {
    if (tokens[i]!.text === '(') depth++
    if (tokens[i]!.text === ')' && --depth === 0) return i
  }
  return tokens.length - 1
}

/** `show schemas from x` names a catalog, the others a schema or a table. */
function checkShow (tokens: readonly Token[], isOurs: (parts: readonly string[]) => boolean, no: (what: string, at: Token | undefined) => never): void {
  const what = tokens[1]?.text.toLowerCase() ?? ''
  if (!shown.has(what)) no(`show ${what}`, tokens[0])
  for (const [i, { text }] of tokens.entries()) {
    if (!/^(from|in|for|table|view|schema)$/i.test(text) || i < 2) continue
    const { parts } = nameAt(tokens, i + 1)
    // A schema of two parts begins with its catalog.
    const whole = what === 'schemas' ? [...parts, '', ''] : what === 'tables' || /^schema$/i.test(text) ? [...parts, ''] : parts
    if (!isOurs(whole)) no(`show ${what} ${text} ${parts.join('.')}`, tokens[0])
  }
}

function nameAt (tokens: readonly Token[], at: number): { parts: string[], next: Token | undefined } {
  const parts: string[] = []
  let i = at
  for (;;) {
    const token = tokens[i]
    if (token === undefined || (token.kind !== 'word' && token.kind !== 'quoted')) return { parts, next: token }
    parts.push(token.kind === 'quoted' ? token.text.slice(1, -1).replaceAll('""', '"') : token.text.toLowerCase())
    if (tokens[i + 1]?.text !== '.') return { parts, next: tokens[i + 1] }
    i += 2
  }
}

function placeOf (sql: string, at: number): string {
  const lines = sql.slice(0, at).split('\n')
  return ` (line ${lines.length}, column ${lines.at(-1)!.length + 1})`
}
