// The load under which services die: shoppers in this process, so that the ledger outlives every kill. A part of the events
// goes twice, some of it under another session, because a retry that lands in another partition is the harder duplicate.

import { openLedger } from '../generate/ledger.ts'
import { createPacer } from '../generate/pacer.ts'
import { createSender, type SenderCounts, type Shipment } from '../generate/sender.ts'
import { createPacker } from '../generate/shipping.ts'
import { openShop, type ShopEvent } from '../generate/shop.ts'

const underWayMax = 48
const batchMax = 8
const giveUpMs = 120_000
/** Every so manieth event goes again with the same event_id from another session. */
const strayEvery = 23

export interface Load {
  readonly counts: SenderCounts
  /** No new events; resolves when each one sent is answered. */
  stop(): Promise<void>
}

export function startLoad (options: { url: string, ledgerFile: string, eventsPerSecond: number, seed: number }): Load {
  const ledger = openLedger(options.ledgerFile)
  const sender = createSender({ url: options.url, ledger, connections: underWayMax, giveUpMs })
  const shop = openShop({ seed: options.seed, run: Date.now().toString(36), shoppers: 30, fraud: 0.05, late: 0.05, duplicates: 0.05, malformed: 0.01, now: Date.now })
  const pacer = createPacer(options.eventsPerSecond)
  const packer = createPacker(batchMax)
  const underWay = new Set<Promise<void>>()
  const stopping = new AbortController()
  const ship = async (shipment: Shipment): Promise<void> => {
    while (underWay.size >= underWayMax) await Promise.race(underWay)
    const sending = sender.send(shipment).finally(() => underWay.delete(sending))
    underWay.add(sending)
  }
  const running = (async () => {
    for (let n = 1; !stopping.signal.aborted; n++) {
      await pacer.next(stopping.signal)
      const event = shop.next().value
      for (const shipment of packer.add(event)) await ship(shipment)
      if (n % strayEvery === 0 && event.kind === 'fresh') await ship({ events: [strayOf(event)], ip: event.ip, userAgent: event.userAgent })
    }
    for (const shipment of packer.rest()) await ship(shipment)
    await Promise.all(underWay)
    await sender.close()
    ledger.close()
  })()
  running.catch(() => {})
  return {
    counts: sender.counts,
    stop: async () => {
      stopping.abort()
      await running
    }
  }
}

/** The same event_id in another session, thus mostly in another partition. */
function strayOf (event: ShopEvent): ShopEvent {
  return { ...event, json: JSON.stringify({ ...JSON.parse(event.json) as object, session_id: `stray-${event.eventId}` }) }
}
