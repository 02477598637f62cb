// Splits the text of a JSON object into its members without reading their values: what a type declares stays an event,
// what it does not declare goes to `properties.$extra`, its bytes as sent. Only for valid JSON (the caller has checked).
import { decodeName } from './names.ts'

export interface SplitEvent {
  /** The object without the undeclared members. */
  readonly kept: string
  /** An object of the undeclared members as sent, or null when there is none. */
  readonly extra: string | null
}

/**
 * `isDeclared(name)` decides for each top-level member; a group is split by its own names, its rest kept under its name.
 * `amendedOf(name)`: the value that the event has in place of the one that was sent.
 */
export function splitMembers (
  text: string,
  isDeclared: (name: string) => boolean,
  membersOf?: (name: string) => ReadonlySet<string> | undefined,
  amendedOf?: (name: string) => string | undefined
): SplitEvent {
  const kept: string[] = []
  const extra: string[] = []
  let at = skipSpace(text, text.indexOf('{') + 1)
  while (text[at] === '"') {
    const nameEnd = skipString(text, at)
    const name = decodeName(text.slice(at + 1, nameEnd - 1))
    const valueStart = skipSpace(text, skipSpace(text, nameEnd) + 1)
    const valueEnd = skipValue(text, valueStart)
    const label = text.slice(at, nameEnd)
    const group = text[valueStart] === '{' ? membersOf?.(name) : undefined
    const value = text.slice(valueStart, valueEnd)
    const amended = amendedOf?.(name)
    if (amended !== undefined) kept.push(`${label}:${amended}`)
    if (amended !== undefined || !isDeclared(name)) {
      extra.push(`${label}:${value}`)
    } else {
      const split: SplitEvent = group === undefined ? { kept: value, extra: null } : splitMembers(value, member => group.has(member))
      kept.push(`${label}:${split.kept}`)
      if (split.extra !== null) extra.push(`${label}:${split.extra}`)
    }
    at = skipSpace(text, valueEnd)
    if (text[at] !== ',') break
    at = skipSpace(text, at + 1)
  }
  return { kept: `{${kept.join(',')}}`, extra: extra.length === 0 ? null : `{${extra.join(',')}}` }
}

function skipSpace (text: string, at: number): number {
  for (;;) {
    const code = text.charCodeAt(at)
    if (code !== 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) return at
    at++
  }
}

/** From the opening quote to after the closing one. */
function skipString (text: string, at: number): number {
  for (at++; ; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x5c) at++
    else if (code === 0x22 || Number.isNaN(code)) return at + 1
  }
}

function skipValue (text: string, at: number): number {
  let depth = 0
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x22) {
      at = skipString(text, at) - 1
      if (depth === 0) return at + 1
    } else if (code === 0x7b || code === 0x5b) {
      depth++
    } else if (code === 0x7d || code === 0x5d) {
      if (depth === 0) return at
      if (--depth === 0) return at + 1
    } else if (depth === 0 && (code === 0x2c || code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d)) {
      return at
    }
  }
  return at
}
