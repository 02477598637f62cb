import t from 'tap'
import { planRounds } from './rounds.ts'

t.test('a seed replays the victims and moments, and every service dies within thirty rounds', async t => {
  t.strictSame(planRounds(3, 30), planRounds(3, 30))
  t.notSame(planRounds(3, 30), planRounds(4, 30))
  for (let seed = 0; seed < 20; seed++) {
    const rounds = planRounds(seed, 30)
    t.strictSame(['catalog', 'gateway', 'writer'].filter(name => !rounds.some(round => round.victims.includes(name as 'writer'))), [])
  }
})
