// How a CSV file's columns become an event: by the names in its first line, which are the contract's field names (or the
// table's column names); `location.country` reaches into an object. Numbers stay the text that the file has, money stays a
// text, an empty cell is no field, and a column that the contract does not know is kept as a text.

import { contractColumns, type ContractColumn } from '../../openapi/index.ts'

type Kind = 'number' | 'boolean' | 'json' | 'text'

interface CsvColumn {
  readonly path: readonly string[]
  readonly kind: Kind
}

interface Tree { [name: string]: string | Tree }

const numberShape = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/

/** Makes the function that prints one record as an event. Throws an Error that names a doubled or impossible column. */
export function planColumns (header: readonly string[]): (cells: readonly string[]) => string {
  const columns = header.map(name => columnOf(name.trim()))
  const seen = new Set<string>()
  for (const column of columns) {
    const name = column?.path.join('.') ?? ''
    if (column !== null && seen.has(name)) throw new Error(`the column ${name} stands twice in the first line`)
    seen.add(name)
  }
  for (const name of seen) {
    const parent = [...seen].find(other => other !== '' && name.startsWith(other + '.'))
    if (parent !== undefined) throw new Error(`the first line has both ${parent} and ${name}`)
  }
  return cells => {
    const event: Tree = Object.create(null) as Tree
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i]
      const cell = cells[i] ?? ''
      if (column !== null && column !== undefined && cell !== '') place(event, column.path, printCell(column.kind, cell))
    }
    return printTree(event)
  }
}

function columnOf (name: string): CsvColumn | null {
  if (name === '') return null
  const [first, ...rest] = name.split('.') as [string, ...string[]]
  const top = contractColumns.find(column => column.wire === first) ?? contractColumns.find(column => column.name === first)
  const path = [top?.wire ?? first, ...rest]
  if (top === undefined) return { path, kind: 'text' }
  if (top.wire === 'properties') return { path, kind: rest.length === 0 ? 'json' : 'text' }
  return { path, kind: kindOf(leafOf(top, rest)) }
}

function leafOf (column: ContractColumn | undefined, names: readonly string[]): ContractColumn | undefined {
  const [name, ...rest] = names
  if (column === undefined || name === undefined) return column
  return typeof column.type === 'string' ? undefined : leafOf(column.type.fields.find(field => field.wire === name), rest)
}

function kindOf (column: ContractColumn | undefined): Kind {
  switch (column?.type) {
    case 'int': case 'long': case 'float': case 'double': return 'number'
    case 'boolean': return 'boolean'
    default: return 'text'
  }
}

function printCell (kind: Kind, cell: string): string {
  const trimmed = cell.trim()
  if (kind === 'number' && numberShape.test(trimmed)) return trimmed
  if (kind === 'boolean' && /^(true|false)$/i.test(trimmed)) return trimmed.toLowerCase()
  if (kind === 'json' && trimmed.startsWith('{')) {
    try {
      JSON.parse(trimmed)
      return trimmed
    } catch { /* kept as a text: the contract says what is wrong with it */ }
  }
  return JSON.stringify(cell)
}

function place (tree: Tree, path: readonly string[], value: string): void {
  let node = tree
  for (const name of path.slice(0, -1)) node = (node[name] ??= Object.create(null) as Tree) as Tree
  node[path.at(-1) as string] = value
}

function printTree (tree: Tree): string {
  return '{' + Object.entries(tree).map(([name, value]) => `${JSON.stringify(name)}:${typeof value === 'string' ? value : printTree(value)}`).join(',') + '}'
}
