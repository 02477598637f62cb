// One shop on a clock of its own, through HTTP as careful clients send: what was sent, in order, and what was accepted of it.

import { createSender } from '../generate/sender.ts'
import { sentEvent, type SentEvent } from '../generate/sent.ts'
import { openLedger } from '../generate/ledger.ts'
import { createPacker } from '../generate/shipping.ts'
import { openShop } from '../generate/shop.ts'
import { readLedgers } from '../verify/ledgers.ts'

const connections = 8
const batch = 20
const giveUpMs = 60_000

export interface Play {
  readonly gatewayUrl: string
  readonly name: string
  readonly seed: number
  readonly events: number
  /** When the shop's clock stops, and how long it runs before. */
  readonly endMs: number
  readonly spanMs: number
  readonly fraud: number
  readonly late: number
  readonly habits: number
  readonly ledgerFile: string
}

export async function playShop (play: Play): Promise<{ sent: SentEvent[], accepted: ReadonlySet<string> }> {
  const { events, endMs, spanMs } = play
  const ledger = openLedger(play.ledgerFile)
  const sender = createSender({ url: play.gatewayUrl, ledger, connections, giveUpMs })
  const packer = createPacker(batch)
  const sent: SentEvent[] = []
  const underWay = new Set<Promise<void>>()
  const ship = async (shipment: Parameters<typeof sender.send>[0]): Promise<void> => {
    while (underWay.size >= connections) await Promise.race(underWay)
    const sending = sender.send(shipment).finally(() => underWay.delete(sending))
    underWay.add(sending)
  }
  let taken = 0
  const now = (): number => Math.round(endMs - spanMs + taken * spanMs / events)
  const shop = openShop({ seed: play.seed, run: play.name, shoppers: 20, fraud: play.fraud, late: play.late, duplicates: 0.02, malformed: 0.01, habits: play.habits, now })
  for (const event of shop) {
    const told = sentEvent(event)
    if (told !== null) sent.push(told)
    for (const shipment of packer.add(event)) await ship(shipment)
    taken++
    if (taken >= events && event.goesOn !== true) break
  }
  for (const shipment of packer.rest()) await ship(shipment)
  await Promise.all(underWay)
  await sender.close()
  ledger.close()
  if (sender.counts.unknown > 0) throw new Error(`${sender.counts.unknown} events were not answered`)
  return { sent, accepted: (await readLedgers([play.ledgerFile])).acked }
}
