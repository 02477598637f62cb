// Which topic an event type goes to: FIRN_LOG_ROUTES names families or single types, a type's own route beats its
// family's, everything else goes to the first topic. Refuses a topic that nobody reads, and two topics for one name.

import { ownTopic } from '../log/index.ts'
import { eventTypes } from '../openapi/index.ts'
import { fail } from './errors.ts'

export type TopicOf = (eventType: string) => string

export interface TopicRoutes { readonly FIRN_LOG_TOPICS?: readonly string[], readonly FIRN_LOG_ROUTES: readonly string[] }

/** Throws GATEWAY_SETTING. */
export function routeTopics ({ FIRN_LOG_TOPICS: topics = [ownTopic], FIRN_LOG_ROUTES: routes }: TopicRoutes): TopicOf {
  const first = topics[0] as string
  const named = new Map<string, string>()
  for (const route of routes) {
    const at = route.indexOf('=')
    const [name, topic] = [route.slice(0, at), route.slice(at + 1)]
    if (!topics.includes(topic)) throw fail('GATEWAY_SETTING', { name: 'FIRN_LOG_ROUTES', reason: `${route} leads to a topic that is not in FIRN_LOG_TOPICS (${topics.join(', ')}): add it there, for the writer too` })
    if ((named.get(name) ?? topic) !== topic) throw fail('GATEWAY_SETTING', { name: 'FIRN_LOG_ROUTES', reason: `${name} is led to both ${named.get(name)} and ${topic}: name one` })
    named.set(name, topic)
  }
  if (named.size === 0) return () => first
  const byType = new Map<string, string>(named)
  for (const { name, family } of eventTypes) {
    const topic = named.get(name) ?? named.get(family)
    if (topic !== undefined) byType.set(name, topic)
  }
  return eventType => byType.get(eventType) ?? first
}

/** Names that are neither a family nor a declared event type: right for an undeclared type, or misspelt. */
export function undeclaredRoutes (routes: readonly string[]): string[] {
  const declared = new Set(eventTypes.flatMap(({ name, family }) => [name, family]))
  return routes.map(route => route.slice(0, route.indexOf('='))).filter(name => !declared.has(name))
}
