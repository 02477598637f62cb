// A key that falls silent or sends many times as much is told, one that does what it always does is not, and a watch that saw
// nothing takes that for no silence. Days pass by the times that the test gives.

import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parseMetrics } from '../../runtime/index.ts'
import { slotMs, trafficConditions, type Slot } from './traffic-conditions.ts'
import { openTraffic } from './traffic.ts'

const daySlots = 144
const start = Date.parse('2026-03-01T00:00:00Z')
const slotsOf = (count: number, sent: (i: number) => Record<string, number>, watchedMs = (_: number) => slotMs): Slot[] =>
  Array.from({ length: count }, (_, i) => ({ at: start + i * slotMs, watchedMs: watchedMs(i), keys: Object.fromEntries(Object.entries(sent(i)).map(([key, events]) => [key, [events, 0] as [number, number]])) }))
const judge = (slots: readonly Slot[]) => Object.fromEntries(trafficConditions(slots, start + slots.length * slotMs + 1000).map(({ name, finding }) => [name.replace('traffic-', ''), finding]))

t.test('silence and flood against the same time of the days before', t => {
  const shop = (i: number): number => i % daySlots < 36 ? 5 : 1000
  const week = (last: (i: number) => number) => slotsOf(3 * daySlots + 60, i => ({ web: i === 3 * daySlots + 59 ? last(i) : shop(i) }))
  t.strictSame(judge(week(() => 1000)), { 'silent-web': 'good', 'flood-web': 'good' })
  t.strictSame(judge(week(() => 0)), { 'silent-web': 'bad', 'flood-web': 'good' })
  t.strictSame(judge(week(() => 10_001)), { 'silent-web': 'good', 'flood-web': 'bad' })
  t.strictSame(judge(week(() => 150)), { 'silent-web': 'unknown', 'flood-web': 'good' }, 'between the two nothing changes')
  t.strictSame(judge(slotsOf(3 * daySlots + 20, i => ({ web: i === 3 * daySlots + 19 ? 0 : shop(i) }))), { 'silent-web': 'unknown', 'flood-web': 'good' }, 'at night a shop may be silent')
  t.strictSame(judge(slotsOf(3 * daySlots + 37, i => ({ web: shop(i) }))), { 'silent-web': 'good', 'flood-web': 'good' }, 'its morning is no flood')
  t.end()
})

t.test('without a day to compare with, the last hours tell; a silence that goes on is not forgotten as one', t => {
  t.strictSame(judge(slotsOf(4, i => ({ web: i === 3 ? 0 : 500 }))), { 'silent-web': 'unknown', 'flood-web': 'unknown' }, 'half an hour is no habit')
  t.strictSame(judge(slotsOf(13, i => ({ web: i === 12 ? 0 : 500 }))), { 'silent-web': 'bad', 'flood-web': 'good' })
  t.strictSame(judge(slotsOf(13, i => ({ web: i === 12 ? 60_000 : 500 }))), { 'silent-web': 'good', 'flood-web': 'bad' })
  t.strictSame(judge(slotsOf(40, i => ({ web: i > 12 ? 0 : 500 })))['silent-web'], 'unknown', 'nothing says that it is over')
  t.strictSame(judge(slotsOf(13, i => ({ few: i === 12 ? 0 : 9, new: i === 12 ? 500 : 0 }))), { 'silent-few': 'unknown', 'flood-few': 'good', 'silent-new': 'good', 'flood-new': 'good' }, 'a few events come when they come')
  t.end()
})

t.test('a time in which nobody looked is no silence, neither now nor later', t => {
  t.strictSame(judge(slotsOf(13, i => ({ web: i === 12 ? 0 : 500 }), i => i === 12 ? slotMs / 2 : slotMs)), {})
  t.strictSame(judge(slotsOf(13, i => ({ web: i < 6 ? 0 : 500 }), i => i < 6 ? 0 : slotMs))['flood-web'], 'good')
  t.end()
})

t.test('counters of several gateways, restarts and gaps are added up right, and outlive the process', t => {
  const file = join(mkdtempSync(join(tmpdir(), 'firn-traffic-')), 'alerts', 'traffic.json')
  const reading = (valid: number, refused: number) => parseMetrics(`firn_gateway_key_events_total{key="web",outcome="valid"} ${valid}\nfirn_gateway_key_events_total{key="web",outcome="refused"} ${refused}\n`)
  let traffic = openTraffic(file)
  let now = start
  const take = (a: [number, number] | null, b: [number, number] | null, ms = 10_000): void => {
    now += ms
    traffic.take('http://g at 1', a === null ? null : reading(...a), now)
    traffic.take('http://g at 2', b === null ? null : reading(...b), now)
  }
  take([5000, 0], [700, 0])
  take([5010, 10], [720, 0])
  take([3, 1], [730, 0])
  take(null, [740, 0])
  take([9000, 0], [750, 0])
  take([9001, 0], [760, 0])
  take([9999, 0], [760, 0], 120_000)
  take([9999, 0], [760, 0], slotMs)
  take([9999, 0], [760, 0])
  const [slot] = JSON.parse(readFileSync(file, 'utf8')) as Slot[]
  t.strictSame(slot!.keys, { web: [10 + 20 + 3 + 10 + 10 + 10 + 1 + 10, 10 + 1] }, 'what came while nobody looked is nobody\'s')
  t.equal(slot!.watchedMs, 50_000, 'two instances watch one minute once')
  traffic = openTraffic(file)
  t.equal(Math.round(traffic.refusedHabit('web', start + 2 * 3_600_000)!), Math.round(1100 / 85))
  t.equal(traffic.refusedHabit('web', now), null, 'what happened just now is no habit')
  t.equal(traffic.refusedHabit('app', now), null)
  t.end()
})
