// What a reader of a file yields: one event's bytes with its place in the file. `end` is where the next line begins, and so
// what the ledger remembers once the line is durable.

import type { SourceFile } from './source-file.ts'

export interface SourceLine {
  readonly start: number
  readonly end: number
  /** The event's JSON; for a problem, the line as it stands in the file (cut at the bound). Empty for a blank line. */
  readonly bytes: Buffer
  /** Why no event can be made of it. */
  readonly problem?: 'too-large' | { readonly reason: string }
  /** False for the last line of a file that has no end yet: its writer may be in the middle of it. */
  readonly complete: boolean
}

export type ReadLines = (file: SourceFile, from: number, lineBytesMax: number) => AsyncIterable<SourceLine>
