import t from 'tap'
import { checkEvent, ContractError, readEvents } from '../../openapi/index.ts'
import { badBodies, badEvents } from './bad-bodies.ts'
import { centsOf, eventsPerSession, makeSession, placeOf } from './events.ts'

const nowMs = Date.UTC(2026, 10, 21, 12)
const options = { receivedAtMs: nowMs, futureMinutesMax: 60, ageDaysMax: 7, eventBytesMax: 65_536, eventsMax: 100 }
const sessions = Array.from({ length: 400 }, (_, iteration) => makeSession({ run: 'r1', seed: 1, stream: 2, iteration }, nowMs))

t.test('every event of every session is one that the contract takes, with nothing undeclared in it', async t => {
  for (const { events } of sessions) {
    t.equal(events.length, eventsPerSession)
    for (const event of events) t.match(checkEvent(Buffer.from(JSON.stringify(event)), options), { ok: true, hasExtra: false, key: event.session_id }, event.event_type)
  }
  const types = new Set(sessions.flatMap(({ events }) => events.map(event => event.event_type)))
  for (const type of ['page_view', 'search', 'order_created', 'order_cancelled', 'order_returned', 'payment_captured', 'payment_failed', 'payment_refunded', 'purchase']) t.ok(types.has(type), type)
})

t.test('the same key makes the same ids and money again at any later time', async t => {
  for (const [iteration, { events }] of sessions.entries()) {
    const again = makeSession({ run: 'r1', seed: 1, stream: 2, iteration }, nowMs + 5 * 86_400_000).events
    t.strictSame(again.map(event => [event.event_id, event.event_type, centsOf(event)]), events.map(event => [event.event_id, event.event_type, centsOf(event)]))
  }
})

t.test('an event_id says where it came from, and no two events share one', async t => {
  const ids = sessions.flatMap(({ events }) => events.map(event => event.event_id))
  t.equal(new Set(ids).size, ids.length)
  t.strictSame(placeOf('k6_abc-2-17-9'), { run: 'k6_abc', stream: 2, iteration: 17, n: 9 })
  t.equal(placeOf('somebody-else'), null)
})

t.test('money is exact to the cent', async t => {
  for (const { amount } of sessions.flatMap(({ events }) => events)) {
    if (amount !== undefined) t.match(String(amount), /^\d{1,7}(\.\d{1,2})?$/)
  }
})

t.test('each mistake of bad-input gets the code that the scripts expect, and only that event is refused', async t => {
  const [first, second] = sessions[0]!.events
  for (const { what, make, code, hasId } of badEvents) {
    const text = make(first!)
    t.match(readEvents(Buffer.from(`[${JSON.stringify(second)},${text}]`), 'json', options).events, [{ ok: true }, { ok: false, code, eventId: hasId ? first!.event_id : null }], what)
  }
})

t.test('a body that cannot be read is refused with the code that the scripts expect', async t => {
  for (const { what, body, code } of badBodies.filter(one => one.code.startsWith('BODY_'))) {
    t.throws(() => readEvents(Buffer.from(body), 'json', options), ContractError, what)
    try { readEvents(Buffer.from(body), 'json', options) } catch (error) { t.equal((error as ContractError).code, code, what) }
  }
})
