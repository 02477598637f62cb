// A saved question as its .sql file says it: a header, then one SELECT with {{holes}} for its parameters. Pure: text in.
//
//   -- Question:   How many orders were paid on a day?
//   -- Result:     one row for each currency
//   -- Parameters: day date, order_id string
//   select … where day = {{day}}

import { fail } from '../../errors.ts'
import { tokensOf, type Token } from '../../query/sql-tokens.ts'
import { isParameterType, type ParameterType } from './parameter.ts'

export interface SavedParameter { readonly name: string, readonly type: ParameterType }

export interface SavedQuery {
  readonly name: string
  readonly question: string
  readonly result: string
  readonly parameters: readonly SavedParameter[]
  readonly sql: string
  /** Where values go into the SQL. */
  readonly holes: readonly { readonly name: string, readonly start: number, readonly end: number }[]
}

/** Parameters of the request itself. */
const reserved = new Set(['format', 'as_of', 'id'])

/** Throws SAVED_INVALID with what to mend. */
export function parseSaved (name: string, text: string): SavedQuery {
  const refuse = (reason: string): never => { throw fail('SAVED_INVALID', { name, reason }) }
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(name)) refuse('its file name is lower case letters, digits and _')
  const lines = text.split('\n')
  const fields = new Map<string, string>()
  let [at, current] = [0, '']
  for (; at < lines.length && /^--|^\s*$/.test(lines[at]!); at++) {
    const line = lines[at]!.replace(/^--\s?/, '')
    const match = /^([A-Z]\w+):\s*(.*)$/.exec(line)
    if (match !== null) fields.set(current = match[1]!, match[2]!.trim())
    else if (/^\s+\S/.test(line) && current !== '') fields.set(current, `${fields.get(current)} ${line.trim()}`)
    else current = ''
  }
  const question = fields.get('Question') ?? refuse('its header has no "Question:" line')
  const parameters = (fields.get('Parameters') ?? '').split(',').map(part => part.trim()).filter(part => part !== '' && part !== 'none').map(part => readParameter(part, refuse))
  const sql = lines.slice(at).join('\n').trim().replace(/;\s*$/, '')
  const tokens = tokensOf(sql)
  if (!/^(select|with|from)$/i.test(tokens[0]?.text ?? '')) refuse('behind its header stands no SELECT')
  if (tokens.some(({ kind, text }) => (kind === 'text' || kind === 'quoted') && text.includes('{{'))) refuse('a hole stands inside of quotes: a value brings its own')
  const holes = holesOf(tokens)
  for (const hole of holes) if (!parameters.some(parameter => parameter.name === hole.name)) refuse(`{{${hole.name}}} is not among its parameters`)
  for (const parameter of parameters) if (!holes.some(hole => hole.name === parameter.name)) refuse(`its parameter ${parameter.name} is not used`)
  return { name, question, result: fields.get('Result') ?? '', parameters, sql, holes }
}

/** The statement with literals in its holes. */
export function fillSaved ({ sql, holes }: SavedQuery, literals: ReadonlyMap<string, string>): string {
  let [text, end] = ['', 0]
  for (const hole of holes) {
    text += sql.slice(end, hole.start) + literals.get(hole.name)!
    end = hole.end
  }
  return text + sql.slice(end)
}

function readParameter (text: string, refuse: (reason: string) => never): SavedParameter {
  const [, name = '', type = ''] = /^([a-z][a-z0-9_]*)\s+(\S+)$/.exec(text) ?? []
  if (!isParameterType(type)) return refuse(`"${text}" is no parameter: a name and one of string, long, int, double, decimal, boolean, date, timestamptz`)
  if (reserved.has(name)) refuse(`a parameter cannot be called ${name}`)
  return { name, type }
}

/** `{{name}}` outside of texts, quotes and comments. */
function holesOf (tokens: readonly Token[]): SavedQuery['holes'] {
  const holes: { name: string, start: number, end: number }[] = []
  for (let i = 0; i + 4 < tokens.length; i++) {
    const [a, b, word, c, d] = tokens.slice(i, i + 5) as [Token, Token, Token, Token, Token]
    if (a.text === '{' && b.text === '{' && word.kind === 'word' && c.text === '}' && d.text === '}' && d.end - a.start === word.text.length + 4) holes.push({ name: word.text, start: a.start, end: d.end })
  }
  return holes
}
