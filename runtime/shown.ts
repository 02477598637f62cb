// Text on its way to a terminal. What an event, a catalog or another program wrote may hold sequences that move the cursor,
// recolour, retitle or forge a line of ours (an ALERT that is none), or turn the order of what is shown: they are shown as
// what they are. The files and answers that hold the same text have it unchanged.
// Whatever a command or a service says to a person goes through `show` and `complain`; the lint refuses other ways out, but for
// rows and JSON that programs read, and for lines that are drawn over.

/** One line: every control character, separator of lines and mark of direction as its escape. */
export function shownLine (text: string): string {
  return text.replaceAll(unsafe, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const unsafe = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** A line, or lines, of standard output. A text with several lines is given as them: a line's end in it is no end. */
export function show (lines: string | readonly string[]): void {
  process.stdout.write(shownLines(lines))
}

/** The same on standard error. */
export function complain (lines: string | readonly string[]): void {
  process.stderr.write(shownLines(lines))
}

function shownLines (lines: string | readonly string[]): string {
  return [lines].flat().map(line => `${shownLine(line)}\n`).join('')
}
