import t from 'tap'
import { describeLine } from './live-line.ts'

t.test('the line shows rates since the last reading, and none below zero when a service was started again', async t => {
  const reading = (atMs: number, accepted: number) => ({ atMs, accepted, rows: 1234567, deadLetters: 2, halted: 0, freshness: new Map([[1, accepted], [Infinity, accepted]]), alerts: new Map<number, number>() })
  t.equal(describeLine(reading(0, 100), reading(2000, 500), reading(0, 100)), 'in 200 events/s  ·  committed 1,234,567 rows  ·  freshness p50 0.5 s p99 1.0 s  ·  dead letters 2')
  t.match(describeLine(reading(0, 500), reading(2000, 0), reading(0, 500)), /^in 0 events\/s .* freshness p50 – p99 –/)
  t.match(describeLine(undefined, { ...reading(0, 0), halted: 1 }, undefined), /1 partition\(s\) HALTED/)
  t.match(describeLine(undefined, { ...reading(0, 0), alerts: new Map([[5, 10], [10, 20], [Infinity, 20]]) }, undefined), /alerts 20, p95 9.5 s after the event$/)
})
