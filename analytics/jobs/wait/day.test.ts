import t from 'tap'
import { judgeDay, type DayFacts } from './day.ts'

const judge = (facts: Partial<DayFacts>) => judgeDay({ date: '2026-01-31', now: new Date('2026-02-01T01:00:00Z'), rows: 7, watermark: new Date('2026-01-31T23:50:00Z'), drained: false, waitMsLeft: 60_000, ...facts })

t.test('a day is complete when something arrived after it and its lateness', async t => {
  t.match(judge({ watermark: new Date('2026-02-01T00:10:00Z') }), { complete: true, note: /7 events; the watermark 2026-02-01T00:10:00.000Z has passed/ })
  t.match(judge({ watermark: new Date('2026-02-01T00:09:59Z') }), { complete: false, reason: /newest event arrived at 2026-02-01T00:09:59.000Z, before the day was over/ })
})

t.test('a quiet day is complete when the log was drained after it', async t => {
  t.match(judge({ drained: true }), { complete: true, note: /the log was drained and nothing arrived after 2026-01-31T23:50/ })
  t.match(judge({ drained: true, now: new Date('2026-02-01T00:09:30Z') }), { complete: false, reason: /final at 2026-02-01T00:10/ }, 'drained a moment too early says nothing')
})

t.test('a day without an event is never complete', async t => {
  t.match(judge({ rows: 0, drained: true }), { complete: false, reason: /firn\.events has no event of that day \(the newest event arrived at/ })
  t.match(judge({ rows: 0, watermark: null }), { complete: false, reason: /no event of that day: check that senders/ })
})

t.test('a day that is not over is taken as it is when its end is too far to wait for', async t => {
  t.match(judge({ now: new Date('2026-01-31T12:00:00Z') }), { complete: true, note: /7 events until now; the day is not over before 2026-02-01T00:10/ })
  t.match(judge({ now: new Date('2026-02-01T00:09:30Z') }), { complete: false, reason: /the day is final at/ })
  t.match(judge({ now: new Date('2026-02-01T00:09:30Z'), waitMsLeft: 0 }), { complete: true })
})
