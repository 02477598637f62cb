import t from 'tap'
import { habitNames, wrongNames } from './habits.ts'
import { sentEvent } from './sent.ts'
import { createPacker } from './shipping.ts'
import { openShop, type ShopEvent } from './shop.ts'

function play (count: number, seed = 7): ShopEvent[] {
  let number = 0
  const shop = openShop({ seed, run: 'r', shoppers: 20, fraud: 0, late: 0, duplicates: 0.05, malformed: 0.05, habits: 0.9, now: () => Date.parse('2026-01-31T12:00:00Z') + number++ * 1000 })
  return Array.from({ length: count }, () => shop.next().value)
}

t.test('the same seed plays the same habits, each of them and to its end', async t => {
  const events = play(4000)
  t.strictSame(events, play(4000))
  const ended = new Set(events.flatMap(({ habit }) => habit?.isLast === true ? [habit.name] : []))
  t.strictSame([...habitNames, ...wrongNames].filter(name => !ended.has(name)), [])
})

t.test('without habits the stream is what it was before there were any', async t => {
  const plain = (more: { habits?: number }): ShopEvent[] => {
    const shop = openShop({ seed: 3, run: 'r', shoppers: 20, fraud: 0.1, late: 0.05, duplicates: 0.05, malformed: 0.05, now: () => 0, ...more })
    return Array.from({ length: 500 }, () => shop.next().value)
  }
  t.strictSame(plain({}), plain({ habits: 0 }))
  t.notOk(plain({}).some(({ habit, goesOn }) => habit !== undefined || goesOn !== undefined))
})

t.test('what happens in one instant has one time, and leaves in one request whatever a request may hold', async t => {
  for (const batch of [1, 2, 20]) {
    const packer = createPacker(batch, () => 0)
    const events = play(4000)
    const shipments = [...events.flatMap(event => packer.add(event)), ...packer.rest()]
    t.equal(shipments.flatMap(({ events }) => events).length, events.length, 'nothing stays behind')
    const requestOf = new Map(shipments.flatMap(({ events }, i) => events.map(event => [event, i] as const)))
    const together = events.flatMap((event, i) => event.goesOn === true ? [[event, events[i + 1]!] as const] : [])
    t.ok(together.length > 50)
    t.strictSame(together.filter(([one, next]) => requestOf.get(one) !== requestOf.get(next) || timeOf(one) !== timeOf(next)), [])
    if (batch === 1) t.ok(shipments.every(({ events }) => events.length === 1 || (events as ShopEvent[]).slice(0, -1).every(({ goesOn }) => goesOn === true)), 'one event a request, but for those')
  }
})

t.test('what was sent is kept as it was sent, but for what is broken', async t => {
  const events = play(500)
  const sent = events.map(sentEvent)
  t.ok(events.every(({ kind, json }, i) => kind === 'malformed' ? sent[i] === null : JSON.stringify(sent[i]!.event) === json))
})

function timeOf ({ json }: ShopEvent): unknown {
  return (JSON.parse(json) as { timestamp: string }).timestamp
}
