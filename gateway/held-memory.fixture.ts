// Run with --expose-gc: what bodies of small, usual and large events hold from when they are read until their append, beside
// what the budget counts, as JSON. Nothing but what is live: the collector has just run.

import { readEvents } from '../openapi/index.ts'
import { sortEvents, type Sorted } from './accept.ts'
import { heldByEvents } from './budget.ts'
import { createOrigins, recordOf } from './records.ts'

const bodies = 20
const eventsEach = 1000
const nowMs = Date.now()
const origin = createOrigins('gateway')(nowMs, '203.0.113.7', 'a browser')
const options = { receivedAtMs: nowMs, futureMinutesMax: 60, ageDaysMax: 7, moneyRound: false, live: true, eventBytesMax: 65_536, eventsMax: 10_000 }
const { gc } = globalThis as unknown as { gc: () => void }

function liveBytes (): number {
  gc()
  gc()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

function measure (pad: number): object {
  const before = liveBytes()
  const kept: (Buffer | Sorted | unknown[])[] = []
  let [bytes, counted] = [0, 0]
  for (let n = 0; n < bodies; n++) {
    const body = Buffer.from(`[${Array.from({ length: eventsEach }, (_, i) => `{"event_id":"e-${n}-${i}","event_type":"page_view","timestamp":"${new Date(nowMs).toISOString()}"${pad === 0 ? '' : `,"session_id":"s-${n}-${i}","title":"${'x'.repeat(pad)}","properties":{"a":[1,2]}`}}`).join(',')}]`)
    const { events } = readEvents(body, 'json', options)
    const sorted = sortEvents(events)
    if (sorted.accepted.length !== eventsEach) throw new Error(JSON.stringify(sorted.rejected[0]))
    kept.push(body, sorted, sorted.accepted.map(event => recordOf(event, 'topic', origin)))
    bytes += body.length
    counted += heldByEvents(body.length, eventsEach)
  }
  const held = liveBytes() - before
  if (kept.length === 0) throw new Error('nothing is held')
  return { eventBytes: Math.round(bytes / bodies / eventsEach), held: held / bytes, counted: counted / bytes }
}

// Once for what is compiled and kept anyway.
measure(0)
process.stdout.write(JSON.stringify([measure(0), measure(50), measure(1000)]))
