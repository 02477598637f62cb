import t from 'tap'
import { createPacer } from './pacer.ts'
import { createPacker } from './shipping.ts'
import type { ShopEvent } from './shop.ts'

let serial = 0
const event = (ip: string, alone = false): ShopEvent => ({ kind: 'fresh', eventId: String(++serial), json: '{}', alone, ip, userAgent: 'ua' })

t.test('a request holds events of one address only, at most as many as wanted', async t => {
  const packer = createPacker(2, () => 0)
  t.strictSame(packer.add(event('a')), [])
  t.strictSame(packer.add(event('b')), [])
  const [full] = packer.add(event('a'))
  t.equal(full?.ip, 'a')
  t.equal(full?.events.length, 2)
  t.strictSame(packer.rest().map(s => [s.ip, s.events.length]), [['b', 1]])
  t.strictSame(packer.rest(), [])
})

t.test('what would spoil its neighbours travels alone and at once', async t => {
  const packer = createPacker(10, () => 0)
  packer.add(event('a'))
  t.equal(packer.add(event('a', true))[0]?.events.length, 1)
})

t.test('an event does not wait for company for ever', async t => {
  let now = 0
  const packer = createPacker(10, () => now)
  packer.add(event('a'))
  now = 600
  t.equal(packer.add(event('b'))[0]?.ip, 'a')
})

t.test('the pacer keeps the rate and forgives at most a second of stall', async t => {
  let now = 0
  const pacer = createPacer(10, () => now)
  now = 60_000
  let free = 0
  const never = new AbortController().signal
  for (; free < 100; free++) {
    const before = performance.now()
    await pacer.next(never)
    if (performance.now() - before > 20) break
  }
  t.ok(free >= 8 && free <= 12, `${free} events at once after a minute of stall`)
})
