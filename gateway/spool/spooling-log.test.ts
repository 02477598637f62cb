import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { failLog } from '../../log/index.ts'
import { otherTopic, recordOf, startSpool } from './started-spool.ts'

const valuesOf = (records: ReadonlyArray<{ value: string }>): string[] => records.map(({ value }) => value)

t.test('while the log confirms, events go straight and the spool stays empty', async t => {
  const started = await startSpool(t)
  const positions = await started.spooling.append([recordOf('a', '1'), recordOf('b', '2')])
  t.same(positions?.map(({ offset }) => offset), [0n, 1n])
  t.same([started.spooling.status().state, started.spooling.status().spooled, await started.spooling.checkReady()], ['straight', 0, undefined])
})

t.test('a log that is away: events are taken, and arrive with key, topic, headers and time when it is back', async t => {
  const started = await startSpool(t)
  started.target.fault = 'away'
  const headers = { received_at: '1234567', ip: '203.0.113.9', source: 'gateway', extra: '1' }
  t.equal(await started.spooling.append([recordOf('a', '1', { headers, timestampMs: 77 }), recordOf('b', '2', { topic: otherTopic })]), null)
  t.match(await started.spooling.checkReady(), /^spooling: 2 events wait in the spool since the log does not take them/)
  const { state, records, bytes, full } = started.spooling.status()
  t.same([state, records, bytes > 0, full], ['spooling', 2, true, false])
  started.target.fault = 'none'
  await started.untilStraight()
  t.same(await started.landed(), [{ key: 'a', value: '1', headers, timestampMs: 77 }])
  t.same(await started.landed(otherTopic), [{ key: 'b', value: '2', headers: { received_at: '1700000000000000', source: 'gateway' }, timestampMs: 1_700_000_000_000 }])
  t.same([started.spooling.status().records, started.spooling.status().bytes, started.spooling.status().drained], [0, 0, 2])
})

t.test('an append that is not confirmed in time gets its 202 from the spool, and what follows of its key lies behind it', async t => {
  for (const fault of ['silent', 'unheard'] as const) {
    const started = await startSpool(t, { answerMsMax: 2000, afterMs: 40 })
    started.target.fault = fault
    const startedMs = performance.now()
    t.equal(await started.spooling.append([recordOf('a', '1')]), null)
    t.ok(performance.now() - startedMs < 1900, 'it does not wait for the answer of the log')
    t.equal(await started.spooling.append([recordOf('a', '2')]), null)
    started.target.fault = 'none'
    await started.untilStraight()
    const values = valuesOf(await started.landed())
    t.ok(values.indexOf('1') < values.indexOf('2'), `${fault}: ${values.join()}`)
    t.same(new Set(values), new Set(['1', '2']))
  }
})

t.test('all that is under way when trouble begins goes into the spool at once, in order', async t => {
  const started = await startSpool(t, { answerMsMax: 2000, afterMs: 2000 })
  started.target.fault = 'silent'
  const under = Array.from({ length: 20 }, async (_, i) => await started.spooling.append([recordOf('a', String(i))]))
  started.target.fault = 'away'
  t.equal(await started.spooling.append([recordOf('b', 'trigger')]), null)
  t.same(await Promise.all(under), Array.from({ length: 20 }, () => null))
  started.target.fault = 'none'
  await started.untilStraight()
  t.same(valuesOf(await started.landed()), [...Array.from({ length: 20 }, (_, i) => String(i)), 'trigger'])
})

t.test('a key with spooled events waits behind them while other keys go straight, also those of the same request', async t => {
  const started = await startSpool(t, { handoverRecordsMax: 0 })
  started.target.fault = 'away'
  await Promise.all(Array.from({ length: 300 }, async (_, i) => await started.spooling.append(Array.from({ length: 50 }, (_, j) => recordOf('slow', `${i}.${j}`)))))
  started.target.fault = 'none'
  while (started.spooling.status().state === 'spooling') await sleep(1)
  t.equal(started.spooling.status().state, 'draining')
  const [other, same, both] = await Promise.all([
    started.spooling.append([recordOf('quick', 'other')]),
    started.spooling.append([recordOf('slow', 'same')]),
    started.spooling.append([recordOf('slow', 'same again'), recordOf('quick', 'other again')])])
  t.ok(other !== null, 'it has its position at once')
  t.same([same, both], [null, null])
  await started.untilStraight()
  const values = valuesOf(await started.landed())
  t.same(values.slice(-2), ['same', 'same again'])
  t.ok(values.indexOf('other') < values.length - 2 && values.indexOf('other again') < values.length - 2, 'others did not wait for the end of the spool')
})

t.test('a key that never rests does not keep the spool for ever', async t => {
  const started = await startSpool(t)
  started.target.fault = 'away'
  for (let i = 0; i < 50; i++) await started.spooling.append([recordOf('hot', `${i}`)])
  let sent = 50
  let ended = false
  const sends: Promise<unknown>[] = []
  const sending = (async () => {
    while (!ended) {
      sends.push(started.spooling.append([recordOf('hot', `${sent++}`)]))
      await sleep(1)
    }
  })()
  started.target.fault = 'none'
  await started.untilStraight()
  ended = true
  await sending
  await Promise.all(sends)
  t.same(valuesOf(await started.landed()), Array.from({ length: sent }, (_, i) => String(i)))
})

t.test('more keys than may be told apart: everything takes the detour, in order, until the spool is empty', async t => {
  const started = await startSpool(t, { keysMax: 10, handoverRecordsMax: 0 })
  started.target.fault = 'away'
  await started.spooling.append(Array.from({ length: 20 }, (_, i) => recordOf(`k${i}`, 'first')))
  started.target.fault = 'none'
  t.equal(await started.spooling.append([recordOf('k3', 'second'), recordOf('unseen', 'x')]), null)
  await started.untilStraight()
  t.ok(await started.spooling.append([recordOf('k3', 'third')]) !== null)
  t.same((await started.landed()).filter(({ key }) => key === 'k3').map(({ value }) => value), ['first', 'second', 'third'])
})

t.test('a full spool refuses with 503, says so, and takes events again when the log has taken some', async t => {
  const started = await startSpool(t, { bytesMax: 1024 * 1024 })
  started.target.fault = 'away'
  const big = 'x'.repeat(100_000)
  let taken = 0
  const refusal = await (async () => {
    for (;;) {
      await started.spooling.append([recordOf('a', `${taken} ${big}`)])
      taken++
    }
  })().catch((error: unknown) => error)
  t.match(refusal, { code: 'GATEWAY_SPOOL_FULL', retryable: true, httpStatus: 503, message: /bound of 1048576 bytes/ })
  t.ok(taken > 5, `${taken} fitted`)
  await t.rejects(started.spooling.checkReady(), { code: 'GATEWAY_SPOOL_FULL' })
  t.equal(started.spooling.status().full, true)
  started.target.fault = 'none'
  await started.untilStraight()
  t.equal(await started.spooling.checkReady(), undefined)
  t.ok(await started.spooling.append([recordOf('a', 'after')]) !== null)
  t.equal((await started.landed()).length, taken + 1)
})

t.test('with a full spool the client of an append in doubt still gets the answer of the log, late as it is', async t => {
  const started = await startSpool(t, { bytesMax: 1024 * 1024, answerMsMax: 150, afterMs: 40, random: () => 0.9 })
  started.target.fault = 'away'
  const big = 'x'.repeat(90_000)
  await (async () => { for (;;) await started.spooling.append([recordOf('a', big)]) })().catch(() => {})
  started.target.fault = 'none'
  while (started.spooling.status().state === 'spooling') await sleep(1)
  started.target.fault = 'slow'
  const answer = await started.spooling.append([recordOf('new', big + big + big + big + big + big + big + big + big + big + big + big)])
  t.equal(answer?.length, 1, 'it was too much for the spool, and the log confirmed after its time')
  started.target.fault = 'none'
  await started.untilStraight()
})

t.test('what the log says about one record is the answer to its client, and no trouble', async t => {
  const started = await startSpool(t)
  const { target } = started
  const append = target.append.bind(target)
  target.append = async records => {
    if (records.some(({ value }) => value.length > 1000)) throw failLog('LOG_RECORD_TOO_LARGE', { bytes: 1001, bytesMax: 1000 })
    return await append(records)
  }
  await t.rejects(started.spooling.append([recordOf('a', 'x'.repeat(1001))]), { code: 'LOG_RECORD_TOO_LARGE' })
  t.equal(started.spooling.status().state, 'straight')

  target.fault = 'away'
  await started.spooling.append([recordOf('a', '1')])
  await started.spooling.append([recordOf('b', 'x'.repeat(1001))])
  await started.spooling.append([recordOf('c', '3')])
  target.fault = 'none'
  while (started.spooling.status().drained === 0) await sleep(1)
  await sleep(50)
  t.same([started.spooling.status().records, started.spooling.status().state], [2, 'draining'], 'it holds the line: what was acknowledged is not dropped')
  t.ok(await started.spooling.append([recordOf('other', '4')]) !== null, 'other keys pass')
  target.append = append
  await started.untilStraight()
  t.same(valuesOf(await started.landed()).filter(value => value.length < 10), ['1', '4', '3'])
})

t.test('a restart goes on where it was: keys keep their order, what had drained is not sent again', async t => {
  for (const how of ['restart', 'killAndStart'] as const) {
    const started = await startSpool(t)
    started.target.fault = 'away'
    await started.spooling.append([recordOf('a', '1'), recordOf('b', '1')])
    started.target.fault = 'none'
    await started.untilStraight()
    await sleep(50) // for the note of the last slice
    started.target.fault = 'away'
    await started.spooling.append([recordOf('a', '2'), recordOf('b', '2')])
    await started[how]()
    t.same([started.spooling.status().state, started.spooling.status().records], ['spooling', 2], how)
    const next = started.spooling.append([recordOf('a', '3')])
    await next
    await started.untilStraight()
    t.same((await started.landed()).filter(({ key }) => key === 'a').map(({ value }) => value), ['1', '2', '3'], how)
  }
})

t.test('after a restart the keys in the spool are known: their events wait behind it, others go straight', async t => {
  const started = await startSpool(t, { handoverRecordsMax: 0, afterMs: 2000 })
  started.target.fault = 'away'
  await started.spooling.append(Array.from({ length: 500 }, (_, i) => recordOf('a', `old ${i}`)))
  await started.killAndStart()
  while (started.spooling.status().state === 'spooling') await sleep(1)
  started.target.fault = 'slow'
  const [same, other] = await Promise.all([started.spooling.append([recordOf('a', 'new')]), started.spooling.append([recordOf('b', 'new')])])
  t.same([same, other?.length], [null, 1])
  started.target.fault = 'none'
  await started.untilStraight()
  t.same((await started.landed()).filter(({ key }) => key === 'a').at(-1)?.value, 'new')
})
