// A statement as words, names, texts and signs, with where each stands: enough to find the tables that it reads, without
// mistaking a text, a comment, a column or `extract(year from …)` for one. It knows no grammar beyond that and refuses nothing:
// what is not SQL is for the engine to say. Pure.

export interface Token {
  readonly kind: 'word' | 'quoted' | 'text' | 'sign'
  readonly text: string
  readonly start: number
  readonly end: number
}

export interface TableName {
  /** Without quotes, the table last. */
  readonly parts: readonly string[]
  readonly start: number
  readonly end: number
}

const pattern = /--[^\r\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*'?|"(?:[^"]|"")*"?|[\p{L}\p{N}_$@]+|\s+|[\s\S]/gu
/** What ends the list of tables after FROM, at the same depth. */
const ends = new Set(['where', 'group', 'having', 'order', 'limit', 'offset', 'fetch', 'window', 'union', 'except', 'intersect', 'select', 'values', 'qualify'])
/** Functions whose arguments have a FROM of their own. */
const withFrom = new Set(['extract', 'trim', 'substring', 'position', 'overlay'])
/** Words that stand where a table could and name none. */
const noTable = new Set(['select', 'values', 'table', 'with', 'lateral', 'unnest', 'only'])

export function tokensOf (sql: string): Token[] {
  const tokens: Token[] = []
  for (const { 0: text, index: start } of sql.matchAll(pattern)) {
    if (/^(\s|--|\/\*)/.test(text)) continue
    const kind = text.startsWith("'") ? 'text' : text.startsWith('"') ? 'quoted' : /^[\p{L}\p{N}_$@]/u.test(text) ? 'word' : 'sign'
    tokens.push({ kind, text, start, end: start + text.length })
  }
  return tokens
}

/** Every place where a statement reads a table by name, in order. Names of WITH are none. */
export function tablesRead (tokens: readonly Token[]): TableName[] {
  const found: TableName[] = []
  const named = namesOfWith(tokens)
  /** One per open parenthesis: whether a FROM list is open there, and whether a table comes next. */
  const depths = [{ from: false, next: false, plain: false }]
  for (let i = 0; i < tokens.length; i++) {
    const depth = depths.at(-1)!
    const token = tokens[i]!
    const word = token.kind === 'word' ? token.text.toLowerCase() : undefined
    const before = tokens[i - 1]?.text.toLowerCase()
    if (token.text === '(') {
      depths.push({ from: depth.next, next: depth.next, plain: before !== undefined && withFrom.has(before) })
      depth.next = false
    } else if (token.text === ')') {
      if (depths.length > 1) depths.pop()
    } else if (token.text === ',' && depth.from) {
      depth.next = true
    } else if (depth.next && (word === undefined ? token.kind === 'quoted' : !noTable.has(word))) {
      const name = nameAt(tokens, i)
      i += name.parts.length * 2 - 2
      depth.next = false
      // A name with arguments is a function; one of WITH is no table.
      if (tokens[i + 1]?.text !== '(' && !(name.parts.length === 1 && named.has(name.parts[0]!.toLowerCase()))) found.push(name)
    } else if ((word === 'from' && before !== 'distinct' && !depth.plain) || word === 'join') {
      depth.from = depth.next = true
    } else if (word !== undefined && (ends.has(word) || noTable.has(word))) {
      depth.next = false
      if (ends.has(word)) depth.from = false
    }
  }
  return found
}

function nameAt (tokens: readonly Token[], first: number): TableName {
  const parts: string[] = []
  let i = first
  for (;;) {
    const { kind, text } = tokens[i]!
    parts.push(kind === 'quoted' ? text.slice(1, -1).replaceAll('""', '"') : text)
    const next = tokens[i + 2]
    if (tokens[i + 1]?.text !== '.' || (next?.kind !== 'word' && next?.kind !== 'quoted')) return { parts, start: tokens[first]!.start, end: tokens[i]!.end }
    i += 2
  }
}

/** `with a as (…), b (x, y) as (…)`: a and b. */
function namesOfWith (tokens: readonly Token[]): Set<string> {
  const names = new Set<string>()
  for (let i = 1; i < tokens.length; i++) {
    const { kind, text } = tokens[i]!
    if ((kind !== 'word' && kind !== 'quoted') || !/^(with|recursive|,)$/i.test(tokens[i - 1]!.text)) continue
    let next = i + 1
    if (tokens[next]?.text === '(') next = tokens.findIndex((token, at) => at > next && token.text === ')') + 1
    if (next > 0 && tokens[next]?.text.toLowerCase() === 'as' && tokens[next + 1]?.text === '(') names.add((kind === 'quoted' ? text.slice(1, -1) : text).toLowerCase())
  }
  return names
}
