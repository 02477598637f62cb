// What an operator gets to read of a service, and whether it is one clear sentence of a code in a registry. Pure.
// Counts as said: every line on stderr, and every line of the log of level warn or above. Info lines are the story, not the news.

import type { ErrorRegistry } from '../../runtime/index.ts'

export interface Said {
  readonly text: string
  /** The code of a JSON line that carries one. */
  readonly code?: string
}

export interface Judgement {
  /** How often the expected sentence was said. */
  readonly times: number
  /** Sentences, each once, that are not the expected one. */
  readonly others: readonly string[]
  /** Lines that are no sentences: stack frames, dumps. */
  readonly noise: readonly string[]
}

export function readSaid (log: string): Said[] {
  return log.split('\n').filter(line => line.trim() !== '').flatMap((line): Said[] => {
    if (!line.startsWith('{"level":')) return [{ text: line }]
    try {
      const { level, msg, code, err } = JSON.parse(line) as { level: number, msg?: string, code?: string, err?: { message?: string, code?: string } }
      if (level < 40) return []
      const text = [msg, err?.message].filter(Boolean).join(': ')
      const known = code ?? err?.code
      return [{ text, ...known === undefined ? {} : { code: known } }]
    } catch {
      return [{ text: line }]
    }
  })
}

/** `allowed` are lines that may stand beside it, such as the client's own farewell. */
export function judgeSaid (said: readonly Said[], expected: RegExp, allowed: readonly RegExp[] = []): Judgement {
  const noise = said.filter(({ text }) => isNoise(text))
  const rest = said.filter(({ text }) => !isNoise(text))
  const times = rest.filter(({ text }) => expected.test(text)).length
  const others = rest.filter(({ text }) => !expected.test(text) && !allowed.some(pattern => pattern.test(text))).map(({ text }) => text)
  return { times, others: [...new Set(others)], noise: [...new Set(noise.map(({ text }) => text))] }
}

/** The sentences of these codes, whatever stands in their places. */
export function patternOf (registry: ErrorRegistry, codes: readonly string[]): RegExp {
  const patterns = codes.map(code => {
    const entry = registry[code]
    if (entry === undefined) throw new TypeError(`no registry knows ${code}`)
    return entry.message.split(/\{\w+\}/).map(part => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^\\n]*?')
  })
  return new RegExp(patterns.join('|'))
}

function isNoise (line: string): boolean {
  return /^\s*(at .+[:(]|\^|throw |\}|\{|Node\.js v|node:internal|\[cause\]|(code|errno|syscall|requireStack): )/.test(line)
}
