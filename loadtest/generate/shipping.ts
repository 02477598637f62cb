// From single events to requests: the events of one shopper travel together, because one request has one address.
// A shipment leaves when it is full, when it holds something that must travel alone, or when it waited long enough; but not
// between events of one instant.

import type { ShopEvent } from './shop.ts'
import type { Shipment } from './sender.ts'

const waitMsMax = 500

export interface Packer {
  /** What leaves because of this event. */
  add(event: ShopEvent): Shipment[]
  rest(): Shipment[]
}

export function createPacker (batch: number, now: () => number = () => performance.now()): Packer {
  const open = new Map<string, { events: ShopEvent[], since: number }>()
  const close = (key: string): Shipment => {
    const { events } = open.get(key) as { events: ShopEvent[] }
    open.delete(key)
    return shipmentOf(events)
  }
  return {
    add: event => {
      const key = `${event.ip} ${event.userAgent}`
      if (event.alone || (batch === 1 && event.goesOn !== true && !open.has(key))) return [shipmentOf([event])]
      const entry = open.get(key) ?? { events: [], since: now() }
      entry.events.push(event)
      open.set(key, entry)
      if (event.goesOn === true) return []
      if (entry.events.length >= batch) return [close(key)]
      const [oldestKey, oldest] = open.entries().next().value as [string, { since: number }]
      return now() - oldest.since > waitMsMax ? [close(oldestKey)] : []
    },
    rest: () => [...open.keys()].map(close)
  }
}

function shipmentOf (events: readonly ShopEvent[]): Shipment {
  const { ip, userAgent } = events[0] as ShopEvent
  return { events, ip, userAgent }
}
