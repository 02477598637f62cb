/**
 * Locations of a data folder that lies somewhere else now: what began with the old folder begins with the new one, everything else stays.
 * Pure. One folder may lie inside the other: the longer of the two that fits decides, so that nothing is moved twice.
 */
export interface FolderMove {
  /** Absolute paths under which the folder was known, without a slash at the end. */
  readonly from: readonly string[]
  readonly to: string
}

export type Placed = 'old' | 'new' | 'outside'

/** Where a location or path lies. */
export function placeOf(location: string, move: FolderMove): Placed {
  const root = rootOf(pathOf(location), move)
  return root === null ? 'outside' : root === move.to ? 'new' : 'old'
}

/** The location as it is now; unchanged when it does not lie in the old folder. */
export function moveLocation(location: string, move: FolderMove): string {
  const path = pathOf(location)
  const root = rootOf(path, move)
  if (root === null || root === move.to) return location
  return location.slice(0, location.length - path.length) + move.to + path.slice(root.length)
}

/** Every text of a JSON value that is a location in the old folder. */
export function moveTexts(value: unknown, move: FolderMove): unknown {
  if (typeof value === 'string') return moveLocation(value, move)
  if (Array.isArray(value)) return value.map(item => moveTexts(item, move))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, moveTexts(item, move)]))
}

function rootOf(path: string, { from, to }: FolderMove): string | null {
  const fitting = [...from, to].filter(root => path === root || path.startsWith(`${root}/`))
  return fitting.sort((a, b) => b.length - a.length)[0] ?? null
}

/** `file:///a`, `file:/a` and `/a` are one path; other schemes have none here. */
function pathOf(location: string): string {
  return /^(?:file:(?:\/\/)?)?(\/.*)$/s.exec(location)?.[1] ?? ''
}
