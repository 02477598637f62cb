// Ways in which an event can be broken. Each one has to be refused by the gateway with 4xx, whatever surrounds it.

import type { Faker } from '@faker-js/faker'

type Fields = Record<string, unknown>

export const breakages: Record<string, (event: Fields) => string> = {
  'not JSON': event => JSON.stringify(event).slice(0, -7),
  'no type': ({ event_type: _, ...event }) => JSON.stringify(event),
  'no id': ({ event_id: _, ...event }) => JSON.stringify(event),
  'an id that is a number': event => JSON.stringify({ ...event, event_id: 7 }),
  'a type in capitals': event => JSON.stringify({ ...event, event_type: 'Page View' }),
  'a time without offset': event => JSON.stringify({ ...event, timestamp: '2026-01-31T12:00:00' }),
  'a time that is no time': event => JSON.stringify({ ...event, timestamp: 'yesterday' }),
  'a time of last year': event => JSON.stringify({ ...event, timestamp: '2020-02-29T12:00:00Z' }),
  'a reserved field': event => JSON.stringify({ ...event, received_at: '2026-01-31T12:00:00Z' }),
  'an amount with three decimals': event => JSON.stringify({ ...event, event_type: 'order_created', order_id: 'o-1', amount: 1.234 }),
  'an order without its id': event => JSON.stringify({ ...event, event_type: 'order_created', amount: 1.5 }),
  'a list where an object belongs': event => JSON.stringify({ ...event, properties: [1, 2] }),
  'a name twice': event => JSON.stringify(event).replace('{', '{"event_type":"search",')
}

/** One breakage drawn by `faker`; `alone` when the text is no JSON and would spoil its neighbours. */
export function breakEvent (faker: Faker, json: string): { json: string, eventId: string | null, alone: boolean } {
  const name = faker.helpers.arrayElement(Object.keys(breakages))
  const event = JSON.parse(json) as Fields
  const broken = (breakages[name] as (event: Fields) => string)(event)
  return { json: broken, eventId: name === 'no id' || name === 'an id that is a number' ? null : String(event.event_id), alone: name === 'not JSON' }
}
