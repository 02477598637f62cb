/**
 * What the text of a request body may look like before anything parses it: nesting that no reader of ours can fall off, and numerals that
 * are numbers of the specification. One pass over the bytes.
 */
import { RestError } from './errors.ts'

/** Iceberg's own reader stops at 1000 levels; four of them are one level of a nested type. */
const depthMax = 500
/** A 64-bit integer has 20 characters, a double 24. */
const numeralCharsMax = 40

export function checkBodyText(json: string): void {
  let depth = 0
  let digits = 0
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at)
    if (code === 0x22) {
      at = endOfString(json, at)
      digits = 0
    } else if (code === 0x5b || code === 0x7b) {
      digits = 0
      if (++depth > depthMax) throw new RestError('BadRequestException', `Invalid request: the body is nested deeper than ${depthMax} levels`)
    } else if (code === 0x5d || code === 0x7d) {
      digits = 0
      depth--
    } else if (code >= 0x30 && code <= 0x39) {
      if (++digits > numeralCharsMax) throw new RestError('BadRequestException', `Invalid request: the body holds a number of more than ${numeralCharsMax} digits`)
    } else {
      digits = 0
    }
  }
}

/** The place of the closing quote, or of the end. */
function endOfString(json: string, start: number): number {
  for (let at = json.indexOf('"', start + 1); at >= 0; at = json.indexOf('"', at + 1)) {
    let slashes = 0
    while (json.charCodeAt(at - 1 - slashes) === 0x5c) slashes++
    if (slashes % 2 === 0) return at
  }
  return json.length
}
