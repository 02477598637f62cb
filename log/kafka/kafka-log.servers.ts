// The behaviour suite of logs against a real broker, and what only Kafka can show.

import t from 'tap'
import { testLogBehaviour } from '../behaviour.ts'
import { openLog, type Log } from '../index.ts'

const brokers = process.env.TEST_KAFKA
if (brokers === undefined) throw new Error('TEST_KAFKA is not set: run `npm run test:servers`, which starts a broker')
const url = `kafka://${brokers}`

export const newTopic = (): string => `test-${crypto.randomUUID()}`

t.jobs = 4
void t.test('every log behaves like this', { jobs: 4 }, async t => {
  testLogBehaviour(t, async t => {
    const opened: Log[] = []
    const open = async (): Promise<Log> => {
      const log = await openLog(url, { partitions: 3 })
      opened.push(log)
      return log
    }
    t.after(async () => { for (const log of opened) await log.close() })
    return { log: await open(), topic: newTopic(), again: open }
  })
})
