// Damage to the embedded log. It is the one part without which no event can be taken: so it is refused whole, and what the
// table has taken already is not lost with it.

import { readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { wordsOf } from './advice.ts'
import { damaged, type Damage, type Scenario } from './scenario.ts'

export const cut = (file: string): void => { truncateSync(file, Math.floor(statSync(file).size / 2)) }

/** Eight bytes in the middle are turned round. */
export function flip (file: string): void {
  const bytes = readFileSync(file)
  for (let i = bytes.length >> 1, n = 0; n < 8 && i < bytes.length; i++, n++) bytes[i]! ^= 0xff
  writeFileSync(file, bytes)
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
  damaged('the data file of the log is cut', { ...restored, damage: line => { cut(join(line.dataDir, dataFile)) } }, true),
  damaged('the data file of the log is flipped', { ...restored, damage: line => { flip(join(line.dataDir, dataFile)) } }),
  damaged('a damaged log is moved away', {
    ...restored,
    damage: line => { flip(join(line.dataDir, dataFile)) },
    wayBack: async ({ line }) => {
      renameSync(join(line.dataDir, 'log'), join(line.root, 'moved-away'))
      return ['--writer-resume-from', 'earliest']
    }
  })
]
