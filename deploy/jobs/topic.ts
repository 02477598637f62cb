// `npm run daily:topic`: does the broker (or the embedded log) answer, and does it have the topics? Prints their partitions and
// ends with 0; with one sentence and 1 otherwise. It writes nothing and joins no group.

import { openLogFrom, topicsToRead } from '../../log/index.ts'
import { complain, exitWhenPrinted, sentenceOf, show } from '../../runtime/index.ts'
import { readTopicConfig } from './config.ts'
import { endsOf } from './topic-state.ts'

try {
  const config = readTopicConfig('daily:topic')
  const log = await openLogFrom(config.FIRN_LOG_URL, config, sentence => { complain(sentence) })
  try {
    for (const { topic, partition, first, end } of await endsOf(log, await topicsToRead(log, config))) show(`${topic} partition ${partition}: offsets ${first} to ${end}`)
  } finally {
    await log.close()
  }
} catch (error) {
  complain(`daily:topic: ${sentenceOf(error)}`)
  process.exitCode = 1
}
await exitWhenPrinted()
