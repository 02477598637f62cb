// What a supervised process says: every line goes to <service>.log, which is rotated once it is full (one old file is
// kept, so the disk it takes is bounded); warnings, errors and whatever comes on stderr are also shown, shortened and
// a few at a time, so that a storm of them cannot bury the terminal.
// A descriptor that was closed is forgotten with it: its number may be another file's by the next line. What happens to
// the file or its folder meanwhile (removed, replaced, a full disk) is said once, and the next line tries again.

import type { ChildProcess } from 'node:child_process'
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, statSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { onLine } from './lines.ts'
import { sentenceOf } from './service.ts'

const fileBytesMax = 10 * 2 ** 20
/** A sentence ends with its way back: long enough for any of ours, short for a stack or somebody's whole request. */
const shownCharsMax = 1500
const shownPerWindowMax = 5
const windowMs = 10_000

export class ServiceLog {
  readonly file: string
  /** Its own last sentence; without one, the last line that was a warning, an error or on stderr. */
  lastWords = 'nothing'
  #spoke = false
  /** On a first start, why it cannot start is the answer of the supervision: not to be said twice. */
  #firstStart = false
  #silenced = false
  readonly #name: string
  readonly #say: (line: string) => void
  #fd: number | null = null
  #isClosed = false
  #bytes = 0
  #rotates = true
  #windowStart = 0
  #shown = 0

  constructor (dir: string, name: string, say: (line: string) => void) {
    this.file = join(dir, `${name}.log`)
    this.#name = name
    this.#say = say
    this.#open()
  }

  /** Follows the output of a new process. */
  take (child: ChildProcess, firstStart: boolean): void {
    this.#firstStart = firstStart
    this.lastWords = 'nothing'
    this.#spoke = false
    if (child.stdout !== null) onLine(child.stdout, line => { this.#line(line, shortWarning(line)) })
    if (child.stderr !== null) onLine(child.stderr, line => { this.#line(line, isNoise(line) ? undefined : line) })
  }

  note (line: string): void {
    this.#line(line, line)
  }

  close (): void {
    this.#isClosed = true
    this.#release()
  }

  #line (line: string, shown: string | undefined): void {
    this.#write(line + '\n')
    if (shown === undefined) return
    const own = shown.startsWith(`${this.#name} `)
    const short = shown.slice(0, shownCharsMax)
    if (own || !this.#spoke) this.lastWords = short
    this.#spoke ||= own
    if (own && this.#firstStart && shown.startsWith(`${this.#name} cannot start: `)) return
    const now = Date.now()
    if (now - this.#windowStart > windowMs) {
      this.#windowStart = now
      this.#shown = 0
    }
    this.#shown++
    if (this.#shown <= shownPerWindowMax) this.#say(own ? short : `${this.#name}: ${short}`)
    else if (this.#shown === shownPerWindowMax + 1) this.#say(`${this.#name}: more of that in ${this.file}`)
  }

  #write (text: string): void {
    if (this.#isClosed) return
    try {
      if (this.#fd !== null && !this.#isStillThere()) this.#release()
      if (this.#fd !== null && this.#bytes >= fileBytesMax) this.#rotate()
      this.#bytes += writeSync(this.#fd ?? this.#open(), text)
      this.#silenced = false
    } catch (error) {
      // A full disk must not take the supervisor down with it: the service itself says what it cannot do.
      if (!this.#silenced) this.#say(`${this.#name}: its log cannot be written: ${sentenceOf(error)}`)
      this.#silenced = true
    }
  }

  #open (): number {
    mkdirSync(dirname(this.file), { recursive: true })
    this.#fd = openSync(this.file, 'a')
    this.#bytes = fstatSync(this.#fd).size
    return this.#fd
  }

  /** Where the old file cannot be put aside, it grows on: lines are worth more than the bound. */
  #rotate (): void {
    try {
      renameSync(this.file, this.file + '.1')
      this.#rotates = true
      this.#release()
    } catch (error) {
      if (this.#rotates) this.#say(`${this.#name}: its log cannot be rotated and grows on: ${sentenceOf(error)}`)
      this.#rotates = false
    }
  }

  /** Forgotten before it is closed: whatever closing does, this number is not ours any more. */
  #release (): void {
    const fd = this.#fd
    this.#fd = null
    if (fd !== null) closeSync(fd)
  }

  /** Lines that go into a file without a name are lost to the operator who looks for them. */
  #isStillThere (): boolean {
    const named = statSync(this.file, { throwIfNoEntry: false })
    const open = fstatSync(this.#fd!)
    return named !== undefined && named.ino === open.ino && named.dev === open.dev
  }
}

/** Stack frames, Node's own frame around an uncaught error, and its advice on how to see more: for the file only. */
function isNoise (line: string): boolean {
  return /^\s*($|at |\^|throw |[{}]|Node\.js v|node:internal|\(Use `node --trace-|(code|url|requireStack): )/.test(line)
}

/** The message of a JSON line of level warn or above. */
function shortWarning (line: string): string | undefined {
  if (!/^\{"level":[456]0,/.test(line)) return undefined
  try {
    const entry = JSON.parse(line) as { msg?: string, err?: { message?: string } }
    return [entry.msg, entry.err?.message].filter(Boolean).join(': ')
  } catch {
    return line
  }
}
