// Finds the records that make the engine fail, by halves: a batch that fails is rehearsed in an engine of its own, half
// by half, until single records are left; they become dead letters with the engine's words and their bytes, and all
// others land. For one such record among n, about 2 · log2 n rehearsals of ever smaller parts, twice the batch in all.
// Blames no record unless it fails alone while a plain event passes: what the machine lacks is never found in records.

import type { Storage } from '../catalog/index.ts'
import { sentenceOf } from '../runtime/index.ts'
import type { Engine } from './engine.ts'
import { faultOf, isFatal } from './engine-fault.ts'
import { FramedLines, type FramedLine, type GuiltyLine } from './framed-lines.ts'
import type { Framer } from './framer.ts'
import type { ParsedBatch } from './pipeline.ts'
import { origins } from './record-headers.ts'

/** All that the engine does with a batch before its commits. */
export type Rehearse = (engine: Engine, part: Framer) => Promise<void>

const errorCharsMax = 1000

/** Takes the guilty records out of the batch. Null: it is not the records. Throws what the machine lacks. */
export async function siftBatch (spare: () => Promise<Engine>, framed: Framer, rehearse: Rehearse): Promise<number | null> {
  const lines = new FramedLines(framed)
  const sift = new Sift(spare, framed, lines, rehearse)
  try {
    if (await sift.fails([], [plainEvent(framed)]) !== null) return null
    const guilty = await sift.guiltyOf(lines.lines)
    if (guilty.length === 0) return null
    lines.takeOut(guilty)
    return guilty.length
  } finally {
    sift.close()
  }
}

class Sift {
  readonly #spare: () => Promise<Engine>
  readonly #framed: Framer
  readonly #lines: FramedLines
  readonly #rehearse: Rehearse
  #engine: Engine | null = null
  #parts = 0

  constructor (spare: () => Promise<Engine>, framed: Framer, lines: FramedLines, rehearse: Rehearse) {
    this.#spare = spare
    this.#framed = framed
    this.#lines = lines
    this.#rehearse = rehearse
  }

  /** Those that fail alone, of lines of which it is not known whether they fail. */
  async guiltyOf (some: readonly FramedLine[]): Promise<GuiltyLine[]> {
    if (some.length === 0) return []
    const error = await this.fails(some)
    if (error === null) return []
    if (some.length === 1) return [{ line: some[0]!, reason: 'WRITER_ENGINE_REFUSED', error: wordsOf(error) }]
    const middle = some.length >> 1
    return [...await this.guiltyOf(some.slice(0, middle)), ...await this.guiltyOf(some.slice(middle))]
  }

  /** The error that these lines cause. */
  async fails (some: readonly FramedLine[], more: readonly Buffer[] = []): Promise<unknown> {
    const part = this.#lines.subset(`${this.#framed.name}-part${this.#parts++}`, some, more)
    try {
      this.#engine ??= await this.#spare()
      await this.#rehearse(this.#engine, part)
      return null
    } catch (error) {
      if (faultOf(error) !== 'record') throw error
      if (isFatal(error)) this.close()
      return error
    } finally {
      part.discard()
    }
  }

  close (): void {
    this.#engine?.close()
    this.#engine = null
  }
}

/** The same storage, but that files go to a folder of their own and need not last. */
export function rehearsalStorage (storage: Storage, pathOf: () => string): Storage {
  return Object.create(storage, {
    toEnginePath: { value: pathOf },
    makeDurable: { value: async () => undefined }
  }) as Storage
}

/** Forgets a batch in an engine. */
export async function dropPart (engine: Engine, { table }: Pick<ParsedBatch, 'table'>): Promise<void> {
  await engine.main.run(`DROP TABLE IF EXISTS ${table}`).catch(() => undefined)
}

function plainEvent ({ latestUs, options }: Framer): Buffer {
  const nowUs = latestUs - BigInt(options.futureMinutesMax + 60) * 60_000_000n
  const timestamp = new Date(Number(nowUs / 1000n)).toISOString()
  const event = JSON.stringify({ event_id: 'plain', event_type: 'page_view', timestamp })
  return Buffer.from(['0', '0', String(nowUs), '', '', String(origins.gateway), '', event].join('\x1f'))
}

function wordsOf (error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  return sentenceOf(cause).slice(0, errorCharsMax)
}
