import { createServer } from 'node:http'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openLedger } from './ledger.ts'
import { createSender, refusedOf, type SenderOptions } from './sender.ts'

type Reply = { status: number, text: string } | 'cut after reading'
const shipment = { events: [{ eventId: 'a', json: '{"event_id":"a"}' }, { eventId: 'b', json: '{"event_id":"b"}' }], ip: '203.0.113.9', userAgent: 'test' }
const taken = { status: 202, text: '{"accepted":2,"rejected":0,"errors":[]}' }

/** A server that gives these replies in turn, the last one for ever. */
async function against (t: Test, replies: Reply[], more: Partial<SenderOptions> = {}): Promise<{ bodies: string[], lines: () => unknown[], send: () => Promise<void> }> {
  const bodies: string[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const part of request) body += String(part)
    bodies.push(body)
    const reply = replies[Math.min(bodies.length, replies.length) - 1] as Reply
    if (reply === 'cut after reading') request.socket.destroy()
    else response.writeHead(reply.status, { 'content-type': 'application/json' }).end(reply.text)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const ledger = openLedger(join(t.testdir(), 'ledger.ndjson'))
  const sender = createSender({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ledger, connections: 2, giveUpMs: 5_000, ...more })
  t.teardown(async () => { await sender.close(); ledger.close(); server.close() })
  return {
    bodies,
    lines: () => readFileSync(ledger.file, 'utf8').split('\n').filter(Boolean).map(line => JSON.parse(line) as unknown),
    send: () => sender.send(shipment)
  }
}

t.test('a 503 and a lost reply are retried with the same bytes, and the ledger notes one 202', async t => {
  const { bodies, lines, send } = await against(t, [{ status: 503, text: '{}' }, 'cut after reading', { status: 429, text: '' }, taken])
  await send()
  t.equal(bodies.length, 4)
  t.equal(new Set(bodies).size, 1)
  t.strictSame(lines(), [{ acked: ['a', 'b'] }])
})

t.test('a 4xx is final: every event is noted as refused with its code', async t => {
  const { bodies, lines, send } = await against(t, [{ status: 400, text: '{"code":"EVENT_INVALID"}' }])
  await send()
  t.equal(bodies.length, 1)
  t.strictSame(lines(), [{ refused: [['a', 'EVENT_INVALID'], ['b', 'EVENT_INVALID']] }])
})

t.test('of a mixed answer the good event is acked and the bad one refused', async t => {
  const { lines, send } = await against(t, [{ status: 202, text: '{"accepted":1,"rejected":1,"errors":[{"index":0,"event_id":"a","code":"X"}]}' }])
  await send()
  t.strictSame(lines(), [{ acked: ['b'], refused: [['a', 'X']] }])
})

t.test('without an answer in time the events are noted as unknown', async t => {
  const { lines, send } = await against(t, ['cut after reading'], { giveUpMs: 200 })
  await send()
  t.strictSame(lines(), [{ unknown: ['a', 'b'] }])
})

t.test('an answer whose numbers do not add up is an error, not a guess', async t => {
  t.throws(() => refusedOf(3, 202, '{"accepted":1,"errors":[]}'))
  t.equal(refusedOf(1, 202, '{"event_id":"a","status":"accepted"}').size, 0)
})
