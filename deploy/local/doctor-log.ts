// What lies in the log and is read by nothing: a topic with records that neither a setting lists nor a mapping names fills
// up in silence, and its producer believes that its events are rows.

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openLogFrom, topicsToRead, type Log, type LogConfig, type TopicChoice } from '../../log/index.ts'
import { sentenceOf } from '../../runtime/index.ts'
import type { Finding } from './doctor.ts'

const what = 'topics'
const namedMax = 10

export interface TopicHeld { readonly name: string, readonly records: bigint }

/** A warning that names each topic with records that is not read. */
export function judgeTopics (held: readonly TopicHeld[], read: readonly string[]): Finding {
  const unread = held.filter(({ name, records }) => records > 0n && !read.includes(name))
  if (unread.length === 0) return { what, state: 'ok', detail: `${read.join(', ')}: read, and no other has records` }
  const named = unread.slice(0, namedMax).map(({ name, records }) => `${name} (${records} records)`).join(', ')
  const more = unread.length > namedMax ? ` and ${unread.length - namedMax} more` : ''
  const [topics, setting] = [unread.slice(0, namedMax).map(({ name }) => name), [...read, unread[0]!.name].join()]
  return {
    what,
    state: 'warn',
    detail: `nothing reads ${named}${more}: if ${topics.length === 1 ? 'it holds' : 'they hold'} events, list ${topics.length === 1 ? 'it' : 'them'} beside the others, as FIRN_LOG_TOPICS=${setting}, and in FIRN_LOG_MAPPINGS where the producer writes JSON of its own`
  }
}

export async function checkTopics (logUrl: string, config: LogConfig & TopicChoice): Promise<Finding> {
  if (logUrl.startsWith('file:') && !existsSync(fileURLToPath(logUrl))) return { what, state: 'ok', detail: 'there is no log yet' }
  let log: Log | null = null
  try {
    log = await openLogFrom(logUrl, config, () => {})
    const held: TopicHeld[] = []
    for (const name of await log.topics()) held.push({ name, records: await recordsOf(log, name) })
    return judgeTopics(held, await topicsToRead(log, config))
  } catch (error) {
    return { what, state: 'fail', detail: sentenceOf(error) }
  } finally {
    await log?.close().catch(() => undefined)
  }
}

async function recordsOf (log: Log, topic: string): Promise<bigint> {
  const { first, end } = await log.ranges(topic)
  return [...end].reduce((sum, [partition, last]) => sum + last - (first.get(partition) ?? 0n), 0n)
}
