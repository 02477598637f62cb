// Text on its way to a terminal. What an event, a catalog or another program wrote may hold sequences that move the cursor,
// recolour, retitle or forge a line of ours (an ALERT that is none), or turn the order of what is shown: they are shown as
// what they are. The files and answers that hold the same text have it unchanged.

/** One line: every control character, separator of lines and mark of direction as its escape. */
export function shownLine (text: string): string {
  return text.replaceAll(unsafe, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const unsafe = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu
