// The lines of a sealed batch one by one, which nobody needs until the engine fails on one of them: where they lie, a
// batch of some of them, and the batch without some of them.
// Invariant: lines + misfits stay what they were together; a line that is taken out is a misfit with its exact bytes.

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Framer } from './framer.ts'
import { origins } from './record-headers.ts'

const separator = 0x1f
const newline = 0x0a
/** Between the distance and the value. */
const fieldsBefore = 7

/** A place in the file of a lane: [from, to), the newline left out. */
export interface FramedLine { readonly lane: number, readonly from: number, readonly to: number }

export interface GuiltyLine { readonly line: FramedLine, readonly reason: string, readonly error: string }

export class FramedLines {
  readonly lines: readonly FramedLine[]
  readonly #framed: Framer
  readonly #bytes: readonly Buffer[]

  constructor (framed: Framer) {
    this.#framed = framed
    this.#bytes = framed.lanes.map(lane => lane.lines === 0 ? Buffer.alloc(0) : readFileSync(lane.file))
    this.lines = this.#bytes.flatMap((bytes, lane) => linesIn(bytes, lane))
  }

  /** A batch of these lines alone, under a name of its own; to be discarded by the caller. */
  subset (name: string, chosen: readonly FramedLine[], more: readonly Buffer[] = []): Framer {
    const part = new Framer(name, this.#framed.options)
    for (const [number, lane] of this.#framed.lanes.entries()) {
      const own = chosen.filter(line => line.lane === number).map(line => this.#textOf(line))
      if (number === 0) own.push(...more)
      const file = lane.file.replace(/[^/]*$/, `${name}-${number}.lines`)
      part.lanes.push({ ...lane, lines: own.length, file, used: 0, fd: null })
      part.lines += own.length
      if (own.length > 0) writeFileSync(file, own.length === 1 ? Buffer.concat([own[0]!, Buffer.of(newline)]) : joinLines(own))
    }
    return part
  }

  /** Makes misfits of these lines. */
  takeOut (guilty: readonly GuiltyLine[]): void {
    const framed = this.#framed
    const gone = new Map(guilty.map(each => [each.line, each]))
    for (const [number, lane] of framed.lanes.entries()) {
      const kept: Buffer[] = []
      for (const line of this.lines) {
        if (line.lane !== number) continue
        const found = gone.get(line)
        if (found === undefined) kept.push(this.#textOf(line))
        else this.#addMisfit(found)
      }
      if (kept.length === lane.lines) continue
      framed.lines -= lane.lines - kept.length
      lane.lines = kept.length
      if (kept.length === 0) rmSync(lane.file, { force: true })
      else writeFileSync(lane.file, joinLines(kept))
    }
  }

  #addMisfit ({ line, reason, error }: GuiltyLine): void {
    const text = this.#textOf(line)
    const fields: string[] = []
    let at = 0
    for (let i = 0; i < fieldsBefore; i++) {
      const end = text.indexOf(separator, at)
      fields.push(text.subarray(at, end).toString())
      at = end + 1
    }
    const [delta, , receivedUs, , , origin] = fields as [string, string, string, string, string, string]
    const value = Buffer.from(text.subarray(at))
    this.#framed.misfits.push({
      lane: line.lane,
      delta: Number(delta),
      receivedUs: BigInt(receivedUs),
      payload: this.#framed.sent.read(`${line.lane}:${delta}`) ?? value,
      reason,
      error,
      eventId: eventIdOf(value),
      trusted: Number(origin) === origins.gateway || Number(origin) === origins.imported
    })
  }

  #textOf ({ lane, from, to }: FramedLine): Buffer {
    return this.#bytes[lane]!.subarray(from, to)
  }
}

function linesIn (bytes: Buffer, lane: number): FramedLine[] {
  const lines: FramedLine[] = []
  for (let from = 0; from < bytes.length;) {
    const end = bytes.indexOf(newline, from)
    const to = end < 0 ? bytes.length : end
    lines.push({ lane, from, to })
    from = to + 1
  }
  return lines
}

function joinLines (lines: readonly Buffer[]): Buffer {
  const end = Buffer.of(newline)
  return Buffer.concat(lines.flatMap(line => [line, end]))
}

function eventIdOf (value: Buffer): string | null {
  try {
    const id = (JSON.parse(value.toString()) as { event_id?: unknown }).event_id
    return typeof id === 'string' ? id.slice(0, 128) : null
  } catch {
    return null
  }
}
