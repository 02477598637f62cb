// Which undeclared event types have a partition of their own? One that the table has already; and one of which enough rows
// came, counted over all commits, while there is room. All others share the partition `unlisted`, so that names which
// somebody makes up cost neither files nor room. The counts are a property of the table, set in the very commit of the rows
// that they count: every writer decides by the same ones, and no row is counted twice. Pure.
// Bounded: what is kept is a Misra–Gries summary. Where there are too many names, all counts fall alike and those at 0 go; a
// type with more than one in `namesMax` of all these rows is never forgotten, whatever others send.

/** JSON: undeclared type → rows that came of it and lie in `unlisted`. */
export const unlistedProperty = 'firn.unlisted-types'

export const namesMax = 100
export const rowsMinDefault = 100

/** Rows by event type. */
export type TypeRows = ReadonlyMap<string, number>

export function parseUnlisted (text: string | undefined): TypeRows {
  if (text === undefined) return new Map()
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null) return new Map()
    return new Map(Object.entries(parsed).filter((entry): entry is [string, number] => Number.isSafeInteger(entry[1]) && (entry[1] as number) > 0))
  } catch {
    return new Map()
  }
}

export function printUnlisted (rows: TypeRows): string {
  return JSON.stringify(Object.fromEntries([...rows].sort(([a], [b]) => a < b ? -1 : 1)))
}

/** The counts after a commit: `added` joined, types that are `listed` by now left out. */
export function addUnlisted (recorded: TypeRows, added: TypeRows, listed: ReadonlySet<string>): TypeRows {
  const sum = new Map([...recorded].filter(([type]) => !listed.has(type)))
  for (const [type, rows] of added) if (!listed.has(type)) sum.set(type, (sum.get(type) ?? 0) + rows)
  if (sum.size <= namesMax) return sum
  const fall = [...sum.values()].sort((a, b) => b - a)[namesMax]!
  return new Map([...sum].flatMap(([type, rows]) => rows > fall ? [[type, rows - fall]] : []))
}

export interface TypesFound {
  /** Rows of the batch by type, those of known types included. */
  readonly batch: TypeRows
  readonly recorded: TypeRows
  /** Declared ones and those that the table has. */
  readonly known: ReadonlySet<string>
  /** Earned in an earlier attempt of this batch: kept while there is room. */
  readonly earned: ReadonlySet<string>
  readonly typesMax: number
  readonly rowsMin: number
}

/** The types of a batch that go to `unlisted`, and those that get a partition now. */
export function decideTypes ({ batch, recorded, known, earned, typesMax, rowsMin }: TypesFound): { readonly unlisted: readonly string[], readonly listed: readonly string[] } {
  const fresh = [...batch].filter(([type]) => !known.has(type)).map(([type, rows]) => ({ type, rows: rows + (recorded.get(type) ?? 0) }))
  const wanted = fresh.filter(({ type, rows }) => rows >= rowsMin || earned.has(type)).sort((a, b) => b.rows - a.rows || (a.type < b.type ? -1 : 1))
  const listed = wanted.slice(0, Math.max(0, typesMax - known.size)).map(({ type }) => type)
  return { listed, unlisted: fresh.map(({ type }) => type).filter(type => !listed.includes(type)).sort() }
}
