import t from 'tap'
import { Slots } from './slots.ts'

const never = new AbortController().signal

t.test('slots are given in order, none is lost, and whoever gives up leaves the line', async t => {
  const slots = new Slots({ atOnceMax: 2, waitingMax: 3, waitMsMax: 10_000 })
  const [first, second] = [await slots.take(never), await slots.take(never)]
  const order: string[] = []
  const leave = new AbortController()
  const waiting = [slots.take(never).then(back => { order.push('a'); return back }), slots.take(leave.signal), slots.take(never).then(back => { order.push('b'); return back })]
  await t.rejects(slots.take(never), { code: 'QUERY_TOO_MANY' })
  leave.abort(new Error('gone'))
  await t.rejects(waiting[1]!, { message: 'gone' })
  t.strictSame([slots.running, slots.waiting], [2, 2])
  first()
  first()
  const third = await waiting[0]!
  t.strictSame([order, slots.running, slots.waiting], [['a'], 2, 1])
  second()
  third()
  ;(await waiting[2]!)()
  t.strictSame([order, slots.running, slots.waiting], [['a', 'b'], 0, 0])
})

t.test('nobody waits for ever', async t => {
  const slots = new Slots({ atOnceMax: 1, waitingMax: 3, waitMsMax: 20 })
  const back = await slots.take(never)
  await t.rejects(slots.take(never), { code: 'QUERY_WAITED', httpStatus: 503 })
  t.equal(slots.waiting, 0)
  back()
  t.equal(slots.running, 0)
  const gone = new AbortController()
  gone.abort(new Error('gone'))
  await t.rejects(slots.take(gone.signal), { message: 'gone' })
})
