// The plan of a run: who dies in which round, and when. Pure and seeded. Most kills of writer and catalog wait for a commit to
// begin and strike within milliseconds, the others come at any time; some take several processes at once.

import { Faker, en } from '@faker-js/faker'
import type { ServiceName } from '../line.ts'

export interface Round {
  readonly victims: readonly ServiceName[]
  readonly aim: 'at a commit' | 'at any time'
  /** Before looking for the moment. */
  readonly waitMs: number
  /** After the commit was seen. */
  readonly delayMs: number
  /** Until the dead are started again. */
  readonly deadMs: number
}

const casts: Array<{ weight: number, value: readonly ServiceName[] }> = [
  { weight: 8, value: ['writer'] },
  { weight: 5, value: ['catalog'] },
  { weight: 2, value: ['gateway'] },
  { weight: 2, value: ['writer', 'catalog'] },
  { weight: 1, value: ['gateway', 'writer'] },
  { weight: 1, value: ['gateway', 'writer', 'catalog'] }
]

export function planRounds (seed: number, count: number): Round[] {
  const faker = new Faker({ locale: en, seed })
  return Array.from({ length: count }, () => {
    const victims = faker.helpers.weightedArrayElement(casts)
    return {
      victims,
      aim: (victims.includes('writer') || victims.includes('catalog')) && faker.number.float() < 0.85 ? 'at a commit' : 'at any time',
      waitMs: faker.number.int({ min: 300, max: 1500 }),
      delayMs: faker.number.int({ min: 0, max: 30 }),
      deadMs: faker.number.float() < 0.5 ? 0 : faker.number.int({ min: 50, max: 1500 })
    }
  })
}
