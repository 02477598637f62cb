/**
 * Reads the metadata of one table again and again, at the cost of what changed.
 *
 * A catalog answers each commit with the whole metadata, of which all but one snapshot is known. The text of every snapshot and log entry
 * is remembered with its object; where the new text repeats it, comparing bytes replaces parsing. Anything unexpected falls back to plain parsing.
 */
import { parseJson, sealJson } from './json.ts'

interface Known { readonly text: string, readonly value: unknown }

const arrays = ['snapshots', 'snapshot-log'] as const

export class MetadataReader {
  #known: Record<string, readonly Known[]> = {}

  /** `text` is a load or commit reply, `{"metadata": {…}, …}`. Returns what `parseJson` would. */
  parseReply(text: string): unknown {
    let rest = text
    const found: Record<string, Known[]> = {}
    for (const name of arrays) {
      const cut = cutArray(rest, name, this.#known[name] ?? [])
      if (cut === undefined) return parseJson(text)
      rest = cut.rest
      found[name] = cut.items
    }
    const reply = parseJson(rest) as { metadata?: Record<string, unknown> } | null
    const metadata = reply?.metadata
    if (metadata === undefined || metadata === null || !arrays.every(name => Array.isArray(metadata[name]) && metadata[name].length === 0)) return parseJson(text)
    for (const name of arrays) metadata[name] = found[name]?.map(item => item.value)
    this.#known = found
    return reply
  }
}

/** The one array of this name, taken out of the text item by item; undefined when there is none or more than one, or it is spelt otherwise. */
function cutArray(text: string, name: string, known: readonly Known[]): { rest: string, items: Known[] } | undefined {
  const head = `"${name}":[`
  const start = text.indexOf(head)
  if (start < 0 || text[start - 1] === '\\' || text.includes(head, start + 1)) return undefined
  const items: Known[] = []
  let at = start + head.length
  let next = 0
  if (text[at] === ']') return { rest: text, items }
  for (;;) {
    let match = next
    while (match < known.length && !text.startsWith(known[match]?.text ?? '', at)) match += 1
    const same = known[match]
    let item: Known
    if (same !== undefined) {
      item = same
      next = match + 1
    } else {
      const end = endOfObject(text, at)
      if (end === undefined) return undefined
      // A copy: a slice would keep the whole reply in memory for as long as its snapshot is remembered.
      const own = Buffer.from(text.slice(at, end)).toString()
      item = { text: own, value: sealJson(parseJson(own)) }
    }
    items.push(item)
    at += item.text.length
    const separator = text[at++]
    if (separator === ']') return { rest: text.slice(0, start + head.length) + text.slice(at - 1), items }
    if (separator !== ',') return undefined
  }
}

/** The position behind the object that opens at `start`, or undefined when there is none. */
function endOfObject(text: string, start: number): number | undefined {
  if (text[start] !== '{') return undefined
  let depth = 0
  let inString = false
  for (let index = start; index < text.length; index++) {
    const char = text.charCodeAt(index)
    if (inString) {
      if (char === 0x5c) index += 1
      else if (char === 0x22) inString = false
    } else if (char === 0x22) {
      inString = true
    } else if (char === 0x7b) {
      depth += 1
    } else if (char === 0x7d && --depth === 0) {
      return index + 1
    }
  }
  return undefined
}
