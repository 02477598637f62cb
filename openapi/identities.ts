// Ids that mean nothing. Clients send them where they have none: an empty text, the name of an absent value as some language
// prints it, the name that a shop gives to all its guests, an UUID of zeros. Taken for ids they make one customer of all
// guests and one order of many. The list is here alone: a required id of it is refused, an optional one is absent.
// `0` is not of it: there are shops that count from zero.

/** What counts as blank around an id or a code: Unicode's white space, the zero-width space and the byte order mark. */
export const blanks = '\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u2028\u2029\u202f\u205f\u3000\ufeff'

/** Compared without blanks around them, in any case. */
export const wordsForNothing: readonly string[] = ['undefined', 'null', '(null)', '<null>', 'nil', '<nil>', 'none', 'nan', 'n/a', '[object object]', 'guest', 'anonymous', 'unknown']

const zeros = '0{8}-?0{4}-?0{4}-?0{4}-?0{12}'
const words = wordsForNothing.map(word => [...word].map(inEitherCase).join(''))
/** For a JSON schema: no flags, so each letter stands in both cases. */
export const nothingPattern = `^[${blanks}]*(${[...words, `([uU][rR][nN]:[uU][uU][iI][dD]:)?[{(]?${zeros}[)}]?`].join('|')})?[${blanks}]*$`
const nothing = new RegExp(nothingPattern, 'u')

export function meansNothing (text: string): boolean {
  return nothing.test(text)
}

// A look at the bytes that costs no string: which first bytes there are (2: of a blank), and after which first two bytes
// which lengths (bit n: n bytes; bit 0: those of an UUID). Almost no other id gets further.
const firsts = new Uint8Array(256)
const lengths = new Uint16Array(65_536)
const uuidCharsMax = 'urn:uuid:{00000000-0000-0000-0000-000000000000}'.length

for (const word of wordsForNothing) note(word, 1 << word.length)
for (const start of ['00', '{0', '(0', 'ur']) note(start, 1)
for (const blank of blanks) firsts[Buffer.from(blank)[0]!] = 2

/** Whether bytes[start, end), an id without escapes, may mean nothing. */
export function mayMeanNothing (bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start
  if (length === 0) return true
  const first = firsts[bytes[start]!]
  if (first !== 1) return first === 2
  const last = bytes[end - 1]!
  if (last <= 0x20 || last >= 0x80) return true
  if (length < 2 || length > uuidCharsMax) return false
  return (lengths[(bytes[start]! << 8) | bytes[start + 1]!]! & (length < 16 ? 1 << length : 1)) !== 0
}

function note (start: string, bit: number): void {
  for (const first of [start[0]!, start[0]!.toUpperCase()]) {
    firsts[first.charCodeAt(0)] = 1
    for (const second of [start[1]!, start[1]!.toUpperCase()]) lengths[(first.charCodeAt(0) << 8) | second.charCodeAt(0)]! |= bit
  }
}

function inEitherCase (char: string): string {
  if (/[a-z]/.test(char)) return `[${char}${char.toUpperCase()}]`
  return /[a-z0-9/<> ]/i.test(char) ? char : `\\${char}`
}
