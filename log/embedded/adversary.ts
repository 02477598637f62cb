// What tests of the embedded log do to it from another process.
//   append FOLDER NAME   appends without end; prints "partition offset value" after each acknowledgment
//   try FOLDER COUNT     prints "opened", appends one after the other; prints "partition offset value", or the code of the error
//   hold FOLDER          takes the write lock and stops itself (SIGSTOP) with it
//   pin FOLDER           reads a state of the log and stops itself with it
//   idle FOLDER MS       reads with nothing to read; prints the CPU milliseconds that it took

import { pathToFileURL } from 'node:url'
import { record } from '../behaviour.ts'
import { openEmbeddedLog } from './embedded-log.ts'
import { Store } from './store.ts'

const [command, folder = '', argument = ''] = process.argv.slice(2)
const topic = 'events'

if (command === 'append') {
  const log = await openEmbeddedLog(pathToFileURL(folder), {})
  await log.ensureTopic(topic)
  const work = async (worker: number): Promise<void> => {
    for (let i = 0; ; i++) {
      const values = Array.from({ length: 1 + i % 5 }, (_, j) => `${argument}-${worker}-${i}-${j}`)
      const positions = await log.append(values.map(value => record(topic, value, value)))
      process.stdout.write(positions.map(({ partition, offset }, j) => `${partition} ${offset} ${values[j]}\n`).join(''))
    }
  }
  await Promise.all(Array.from({ length: 8 }, (_, worker) => work(worker)))
} else if (command === 'try') {
  const log = await openEmbeddedLog(pathToFileURL(folder), { appendMsMax: 1000 })
  process.stdout.write('opened\n')
  for (let i = 0, failures = 0; i < Number(argument) && failures < 10; i++) {
    try {
      const [position] = await log.append([record(topic, `key-${i}`, `value-${i}`)])
      process.stdout.write(`${position!.partition} ${position!.offset} value-${i}\n`)
    } catch (error) {
      const { code } = error as { code: string }
      process.stdout.write(`${code}\n`)
      if (code === 'LOG_FAILED') failures++
      else await new Promise(resolve => setTimeout(resolve, 60)) // past the pause after LOG_FULL
    }
  }
  await log.close()
} else if (command === 'hold') {
  const store = new Store(folder, 0)
  store.db.transactionSync(() => {
    process.stdout.write('holding\n')
    process.kill(process.pid, 'SIGSTOP')
  })
} else if (command === 'pin') {
  const store = new Store(folder, 0)
  store.db.useReadTransaction()
  process.stdout.write('pinned\n')
  process.kill(process.pid, 'SIGSTOP')
} else if (command === 'idle') {
  const log = await openEmbeddedLog(pathToFileURL(folder), {})
  const reader = await log.open({ topics: [topic], startAt: () => 'earliest' })
  while (await reader.poll(100, 1024 * 1024) !== null) { /* read what is there */ }
  const began = process.cpuUsage()
  await reader.poll(Number(argument), 1024 * 1024)
  const { user, system } = process.cpuUsage(began)
  process.stdout.write(`${(user + system) / 1000}\n`)
  await log.close()
} else throw new Error(`unknown command ${command}`)
