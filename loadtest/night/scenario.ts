// What a scenario of the night is, and what most of them have in common: something is damaged, the operator reads a sentence
// of the page's table, what can go on goes on, the way back is carried out, and every acknowledged event is a row, once.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Tally } from '../tally.ts'
import { wordsOf, type Advice } from './advice.ts'
import type { NightLine } from './night-line.ts'

export interface Night {
  readonly line: NightLine
  readonly tally: Tally
  readonly advice: ReadonlyMap<string, Advice>
}

export interface Scenario {
  readonly name: string
  /** In the form for CI. */
  readonly short?: true
  readonly play: (night: Night) => Promise<void>
}

export interface Damage {
  /** The words of the page's first column. */
  readonly sees: string
  /** With the line stopped. */
  readonly damage: (line: NightLine) => void
  /** Whether events are taken meanwhile. */
  readonly accepts: boolean
  /** Whether the line comes up at all. */
  readonly starts?: boolean
  /** With the line stopped; `commands` stand in the page, `said` is the line that was seen. Returns flags for the start. */
  readonly wayBack: (way: { line: NightLine, run: (command: string) => Promise<string>, commands: readonly string[], said: string }) => Promise<readonly string[]>
}

const saidMsMax = 60_000
const drainedMsMax = 60_000
const acceptedMsMax = 45_000

/** A scenario of damage that is done while the line is stopped. */
export function damaged (name: string, damage: Damage, short?: true): Scenario {
  return {
    name,
    ...short === undefined ? {} : { short },
    play: async night => {
      const { line, tally } = night
      damage.damage(line)
      await line.launch()
      const said = await sees(night, name, damage.sees)
      if (damage.accepts) await takesEvents(night, name)
      if (damage.starts === false) await line.ended()
      await line.stop()
      const run = async (command: string): Promise<string> => {
        const { task, args } = wordsOf(command)
        const { code, text } = await line.command(task, args)
        tally.check(`${name}: ${command.slice(0, 60)} is carried out`, code === 0, code === 0 ? '' : text.slice(-600))
        return text
      }
      const flags = await damage.wayBack({ line, run, commands: night.advice.get(damage.sees)?.commands ?? [], said })
      await line.start({ flags })
      await provesAll(night, name)
    }
  }
}

/** What the page's first column says is said; of several, whichever comes first. */
export async function sees ({ line, tally, advice }: Night, name: string, words: string, ...others: readonly string[]): Promise<string> {
  const rows = [words, ...others].map(each => advice.get(each))
  if (rows.includes(undefined)) {
    tally.check(`${name}: docs/recovery.md knows \`${words}\``, false)
    return ''
  }
  const said = await line.until(new RegExp(rows.map(row => row!.sees.source).join('|')), saidMsMax).catch((error: unknown) => { throw new Error(`the operator does not see \`${words}\`: ${(error as Error).message}`) })
  tally.check(`${name}: the operator sees \`${words}\``, true)
  return said
}

/** Ingestion is the last to fall. */
export async function takesEvents ({ line, tally }: Night, name: string): Promise<void> {
  const deadline = Date.now() + acceptedMsMax
  let answers = await line.post(3)
  while (answers.some(({ status }) => status !== 202) && Date.now() < deadline) {
    await sleep(300)
    answers = await line.post(3)
  }
  const all = answers.every(({ status }) => status === 202)
  tally.check(`${name}: events are taken`, all, all ? '' : answers.map(({ status, text }) => `${status} ${text.slice(0, 200)}`).join('; '))
}

/** With events of after the way back: all is rows, once. */
export async function provesAll (night: Night, name: string): Promise<void> {
  const { line, tally } = night
  await takesEvents(night, `${name}, after the way back`)
  await line.untilDrained(drainedMsMax)
  tally.verdict(name, await line.verify())
}
