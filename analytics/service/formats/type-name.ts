// The name of a type as DuckDB prints it, as a tree: DECIMAL(18,2), STRUCT("a" INTEGER, "b" VARCHAR[]), MAP(VARCHAR, BIGINT).
// What it does not know stays a name. Pure.

export type TypeTree =
  | { readonly kind: 'plain', readonly name: string }
  | { readonly kind: 'decimal', readonly width: number, readonly scale: number }
  | { readonly kind: 'list', readonly item: TypeTree }
  | { readonly kind: 'map', readonly key: TypeTree, readonly value: TypeTree }
  | { readonly kind: 'struct', readonly fields: readonly { readonly name: string, readonly type: TypeTree }[] }

export function parseTypeName (text: string): TypeTree {
  const name = text.trim()
  const list = /^(.*)\[\d*\]$/s.exec(name)
  if (list !== null) return { kind: 'list', item: parseTypeName(list[1]!) }
  const decimal = /^DECIMAL\((\d+),\s*(\d+)\)$/i.exec(name)
  if (decimal !== null) return { kind: 'decimal', width: Number(decimal[1]), scale: Number(decimal[2]) }
  const inner = /^(MAP|STRUCT)\((.*)\)$/s.exec(name)
  if (inner === null) return { kind: 'plain', name: name.replace(/\(.*$/s, '') }
  const parts = splitParts(inner[2]!)
  if (inner[1] === 'MAP') return { kind: 'map', key: parseTypeName(parts[0] ?? 'VARCHAR'), value: parseTypeName(parts[1] ?? 'VARCHAR') }
  return { kind: 'struct', fields: parts.map(readField) }
}

function readField (text: string): { name: string, type: TypeTree } {
  const quoted = /^"((?:[^"]|"")*)"\s+(.*)$/s.exec(text)
  if (quoted !== null) return { name: quoted[1]!.replaceAll('""', '"'), type: parseTypeName(quoted[2]!) }
  const [, name = '', type = 'VARCHAR'] = /^(\S+)\s+(.*)$/s.exec(text) ?? []
  return { name, type: parseTypeName(type) }
}

/** At commas outside of parentheses and quotes. */
function splitParts (text: string): string[] {
  const parts: string[] = []
  let [depth, start] = [0, 0]
  let quote: string | null = null
  for (const [at, char] of [...text].entries()) {
    if (quote !== null) {
      if (char === quote) quote = null
    } else if (char === '"' || char === "'") quote = char
    else if (char === '(') depth++
    else if (char === ')') depth--
    else if (char === ',' && depth === 0) {
      parts.push([...text].slice(start, at).join('').trim())
      start = at + 1
    }
  }
  return [...parts, [...text].slice(start).join('').trim()]
}
