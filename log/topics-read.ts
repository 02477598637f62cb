// Which topics the line reads: those that the operator lists, and no other. Where none are listed, the line's own topic and
// each mapped one that the log has: a direct producer's topic is read without a word in any setting. Asks the log for
// names; a topic that may not be asked for is not there for us.

import { Type } from 'typebox'
import { topicMappings } from '../openapi/index.ts'
import { is } from './errors.ts'
import type { Log } from './types.ts'

/** Where the gateway puts events when no topic is listed. */
export const ownTopic = 'ecommerce_events'

export const topicSettings = {
  FIRN_LOG_TOPICS: Type.Optional(Type.Array(Type.String({ pattern: '^[A-Za-z0-9._-]{1,200}$' }), { minItems: 1, description: `topics of the log, comma-separated: accepted events go to the first one, unless FIRN_LOG_ROUTES says otherwise; these are read, and no other. When not set ${ownTopic}, and each topic of FIRN_LOG_MAPPINGS that the log has is read too` })),
  FIRN_LOG_MAPPINGS: Type.Array(Type.String({ pattern: '^[A-Za-z0-9._-]+=[a-z_]+$' }), { default: Object.entries(topicMappings).map(([topic, mapping]) => `${topic}=${mapping}`), description: 'topics whose producers write JSON of their own, as topic=mapping (orders, order_updates, payments), comma separated' })
}

export interface TopicChoice { readonly FIRN_LOG_TOPICS?: readonly string[] | undefined, readonly FIRN_LOG_MAPPINGS: readonly string[] }

/** Those that are read in any case, and those that are read once the log has them. */
export function topicsChosen ({ FIRN_LOG_TOPICS: listed, FIRN_LOG_MAPPINGS: mappings }: TopicChoice): { always: readonly string[], whereFound: readonly string[] } {
  if (listed !== undefined) return { always: listed, whereFound: [] }
  const mapped = mappings.map(entry => entry.slice(0, entry.indexOf('=')))
  return { always: [ownTopic], whereFound: mapped.filter(topic => topic !== ownTopic) }
}

/** The topics that are read now. */
export async function topicsToRead (log: Pick<Log, 'identity'>, choice: TopicChoice): Promise<string[]> {
  const { always, whereFound } = topicsChosen(choice)
  const found = await topicsFound(log, whereFound)
  return [...always, ...found]
}

/** Those of `topics` that the log has. */
export async function topicsFound (log: Pick<Log, 'identity'>, topics: readonly string[]): Promise<string[]> {
  if (topics.length === 0) return []
  try {
    const { topicIds } = await log.identity(topics)
    return topics.filter(topic => topicIds.has(topic))
  } catch (error) {
    if (!is(error, 'LOG_UNAUTHORIZED')) throw error
    // One that may not be asked for refuses the question for all.
    if (topics.length === 1) return []
    const each = await Promise.all(topics.map(async topic => await topicsFound(log, [topic])))
    return each.flat()
  }
}
