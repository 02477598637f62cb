// Damage to the embedded log. It is the one part without which no event can be taken: so it is refused whole, and what the
// table has taken already is not lost with it.

import { readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { wordsOf } from './advice.ts'
import type { NightLine } from './night-line.ts'
import { damaged, provesAll, sees, type Damage, type Scenario } from './scenario.ts'

export const cut = (file: string): void => { truncateSync(file, Math.floor(statSync(file).size / 2)) }

/** Eight bytes in the middle are turned round. */
export function flip (file: string): void {
  const bytes = readFileSync(file)
  flipAt(bytes, bytes.length >> 1)
  writeFileSync(file, bytes)
}

/** In each page: most of an empty log's are free, and hold nothing that could be damaged. */
function flipPages (file: string): void {
  const bytes = readFileSync(file)
  for (let page = 0; page < bytes.length; page += 4096) flipAt(bytes, page)
  writeFileSync(file, bytes)
}

function flipAt (bytes: Buffer, from: number): void {
  for (let i = from; i < from + 8 && i < bytes.length; i++) bytes[i]! ^= 0xff
}

const dataFile = 'log/data.mdb'
const isDamaged = 'the log at … is damaged'
const isAnother = 'the writer halted: the recorded offsets belong to log … but the log is …'

const restored: Pick<Damage, 'sees' | 'accepts' | 'starts' | 'wayBack'> = {
  sees: isDamaged,
  accepts: false,
  starts: false,
  wayBack: async ({ line }) => {
    line.putBack('log')
    return []
  }
}

export const filesOfTheLog: readonly Scenario[] = [
  damaged('the log folder is removed', {
    sees: isAnother,
    accepts: false,
    damage: line => { rmSync(join(line.dataDir, 'log'), { recursive: true }) },
    wayBack: async ({ commands }) => wordsOf(commands.find(command => command.endsWith('earliest'))!).args
  }, true),
  damaged('the log folder is removed and put back', {
    sees: isAnother,
    accepts: false,
    damage: line => { rmSync(join(line.dataDir, 'log'), { recursive: true }) },
    wayBack: async ({ line }) => {
      line.putBack('log')
      return ['--writer-resume-from', 'recorded']
    }
  }),
  damaged('the data file of the log is cut', { ...restored, damage: line => { cut(join(line.dataDir, dataFile)) } }),
  damaged('the data file of the log is flipped', { ...restored, damage: line => { flipPages(join(line.dataDir, dataFile)) } }),
  damaged('a damaged log is moved away', {
    ...restored,
    damage: line => { flipPages(join(line.dataDir, dataFile)) },
    wayBack: async ({ line }) => {
      renameSync(join(line.dataDir, 'log'), join(line.root, 'moved-away'))
      return ['--writer-resume-from', 'earliest']
    }
  }),
  ...(['removed', 'cut', 'flipped'] as const).map(spoolIs)
]

/** The spool of a gateway is a log like the other: without it nothing is taken in its place. */
function spoolIs (how: 'removed' | 'cut' | 'flipped'): Scenario {
  const name = `the spool is ${how}`
  return {
    name,
    ...how === 'cut' ? { short: true } : {},
    play: async night => {
      const { line } = night
      const env = { FIRN_GATEWAY_SPOOL_DIR: join(line.dataDir, 'spool') }
      await line.start({ env })
      await line.stop()
      spoil(line, how)
      if (how !== 'removed') {
        await line.launch({ env })
        await sees(night, name, isDamaged)
        await line.stop()
        renameSync(env.FIRN_GATEWAY_SPOOL_DIR, join(line.root, `spool-${how}`))
      }
      await line.start({ env })
      await provesAll(night, name)
    }
  }
}

function spoil (line: NightLine, how: 'removed' | 'cut' | 'flipped'): void {
  if (how === 'removed') return rmSync(join(line.dataDir, 'spool'), { recursive: true })
  const file = join(line.dataDir, 'spool', dataFile)
  if (how === 'cut') cut(file)
  else flipPages(file)
}
