// Column names that a JSON object can carry: a name that comes again gets a number, as DuckDB numbers it (`n`, `n:1`). Pure.

export function uniqueNames (names: readonly string[]): string[] {
  const seen = new Map<string, number>()
  return names.map(name => {
    const count = seen.get(name) ?? 0
    seen.set(name, count + 1)
    return count === 0 ? name : `${name}:${count}`
  })
}
