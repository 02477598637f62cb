// Processes that die while they append at the same time. Kill −9 shows that the transaction is whole; that the disk has it is
// shown by the test of a failing sync.

import t from 'tap'
import { pathToFileURL } from 'node:url'
import { readAll, record } from '../behaviour.ts'
import { openLog } from '../index.ts'
import { collectLines, startAdversary } from './adversary-process.ts'

const topic = 'events'

t.test('kill -9 of two appending processes: nothing acknowledged is missing, no batch is torn, offsets are dense', async t => {
  const folder = t.testdir()
  const log = await openLog(pathToFileURL(folder).href)
  await log.ensureTopic(topic)
  const acknowledged = new Map<string, string>()
  for (let round = 0; round < 3; round++) {
    const children = ['a', 'b'].map(name => startAdversary(t, 'append', folder, `${name}${round}`))
    const outputs = children.map(collectLines)
    await Promise.all(outputs.map(output => output.lines(40)))
    await new Promise(resolve => setTimeout(resolve, 30 * round))
    for (const child of children) child.kill('SIGKILL')
    for (const output of outputs) {
      for (const line of await output.end()) {
        const [partition, offset, value] = line.split(' ')
        if (acknowledged.has(`${partition}/${offset}`)) t.fail(`${line}: a position given twice`)
        acknowledged.set(`${partition}/${offset}`, value!)
      }
    }
  }
  const { first, end } = await log.ranges(topic)
  const stored = [...end.values()].reduce((sum, offset) => sum + Number(offset), 0)
  t.ok([...first.values()].every(offset => offset === 0n))
  const read = await readAll(await log.open({ topics: [topic], startAt: () => 'earliest' }), stored)
  t.equal(read.size, stored, 'each offset up to the end is a record')
  t.equal(new Set([...read.values()].map(({ value }) => value)).size, stored, 'no record twice')
  const missing = [...acknowledged].filter(([position, value]) => read.get(position)?.value !== value)
  t.strictSame(missing, [], `all ${acknowledged.size} acknowledged records are where they were said to be`)
  t.equal((await log.append([record(topic, 'k', 'after')])).length, 1, 'and the log goes on')
  await log.close()
})
