// Processes that die, freeze or lose what they stand on, while the line runs: the others go on, and no way back is needed.

import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { kill, services, type NightLine, type Service } from './night-line.ts'
import { provesAll, sees, takesEvents, type Scenario } from './scenario.ts'

const deaths = 5
const againMsMax = 60_000

export const processes: readonly Scenario[] = [
  ...(['analytics', 'writer', 'catalog'] as const).map((victim): Scenario => ({
    name: `the ${victim} is killed ${deaths} times`,
    ...victim === 'analytics' ? { short: true } : {},
    play: async night => {
      const { line, tally } = night
      const name = `the ${victim} is killed ${deaths} times`
      await line.start()
      const others = services.filter(service => service !== victim)
      const before = others.map(service => line.pidOf(service))
      for (let death = 1, last = -1; death <= deaths; death++) {
        last = await pidOf(line, victim, last)
        kill(last, 'SIGKILL')
      }
      await sees(night, name, 'ended 5 times in a row, each within 30 s: the others go on, and it is started again every 60 s')
      tally.check(`${name}: no other service was started again`, others.every((service, i) => line.pidOf(service) === before[i]), others.join())
      await takesEvents(night, name)
      // The rest of a minute is not waited for: an operator who is awake starts the line again.
      await line.stop()
      await line.start()
      await provesAll(night, name)
    }
  })),
  {
    name: 'the writer is frozen and woken',
    play: async night => {
      const { line } = night
      await line.start()
      const pid = await pidOf(line, 'writer')
      kill(pid, 'SIGSTOP')
      await takesEvents(night, 'the writer is frozen')
      await sleep(1000)
      kill(pid, 'SIGCONT')
      await provesAll(night, 'the writer is frozen and woken')
    }
  },
  {
    name: 'the supervisor is frozen for a while',
    short: true,
    play: async night => {
      const { line } = night
      await line.start()
      kill(line.child!.pid!, 'SIGSTOP')
      await takesEvents(night, 'the supervisor is frozen')
      await line.untilDrained(againMsMax)
      kill(line.child!.pid!, 'SIGCONT')
      await provesAll(night, 'the supervisor is frozen for a while')
    }
  },
  {
    name: 'the folder of the logs is removed',
    play: async night => {
      const { line, tally } = night
      await line.start()
      rmSync(join(line.dataDir, 'logs'), { recursive: true })
      kill(await pidOf(line, 'writer'), 'SIGKILL')
      await provesAll(night, 'the folder of the logs is removed')
      tally.check('the folder of the logs is removed: the next line makes it anew', existsSync(join(line.dataDir, 'logs/writer.log')))
    }
  }
]

/** The process of a service, which may be on its way, and is not the one that was killed. */
async function pidOf (line: NightLine, service: Service, before = -1): Promise<number> {
  for (const deadline = Date.now() + againMsMax; Date.now() < deadline; await sleep(20)) {
    const pid = line.pidOf(service)
    if (pid !== null && pid !== before) return pid
  }
  throw new Error(`the ${service} was not started again within ${againMsMax} ms`)
}
