// A writer that stands still is seen as such: lag, age and stall are those of the moment in which somebody asks.

import t from 'tap'
import { until } from '../runtime/index.ts'
import { Progress } from './progress.ts'

const all = { isOurs: () => true, isHalted: () => false }
const range = (first: bigint, end: bigint) => ({ first: new Map([[0, first]]), end: new Map([[0, end]]) })

t.test('a catalog that is away: the lag grows with the log, the age with the clock, and the stall is told', t => {
  const progress = new Progress()
  progress.recorded('a', 0, 100n)
  progress.look('a', range(0n, 100n), 0)
  t.match(progress.standing(50_000, all), { lags: [{ lag: 0n }], oldestSeconds: 0, stalledSeconds: 0 }, 'an idle line waits for nothing')
  progress.look('a', range(0n, 150n), 60_000)
  progress.look('a', range(0n, 900n), 90_000)
  t.match(progress.standing(108_000, all), { lags: [{ lag: 800n }], oldestSeconds: 48, stalledSeconds: 48 })
  progress.landed('a', 0, 150n, 110_000)
  t.match(progress.standing(111_000, all), { lags: [{ lag: 750n }], oldestSeconds: 21, stalledSeconds: 1 }, 'one landing: it moves again')
  progress.landed('a', 0, 900n, 112_000)
  t.match(progress.standing(900_000, all), { lags: [{ lag: 0n }], oldestSeconds: 0, stalledSeconds: 0 })
  t.end()
})

t.test('a halted partition has its real lag and age, and is no stall', t => {
  const progress = new Progress()
  progress.recorded('a', 0, 0n)
  progress.look('a', range(0n, 5n), 0)
  t.match(progress.standing(60_000, { isOurs: () => true, isHalted: () => true }), { lags: [{ lag: 5n }], oldestSeconds: 60, stalledSeconds: 0 })
  t.end()
})

t.test('a backlog that is worked off is no stall, however old it is; what others of the group hold is not ours', t => {
  const progress = new Progress()
  progress.look('a', { first: new Map([[0, 0n], [1, 0n]]), end: new Map([[0, 1_000_000n], [1, 7n]]) }, 0)
  for (let n = 1; n <= 9; n++) progress.landed('a', 0, BigInt(n) * 100_000n, n * 20_000)
  const ours = { isOurs: (_: string, partition: number) => partition === 0, isHalted: () => false }
  t.match(progress.standing(185_000, ours), { lags: [{ partition: 0, lag: 100_000n }], oldestSeconds: 185, stalledSeconds: 5 })
  t.equal(progress.standing(185_000, ours).lags.length, 1)
  t.end()
})

t.test('what retention took, a log that is shorter than the table, and a partition that was never read', t => {
  const progress = new Progress()
  progress.recorded('a', 0, 10n)
  progress.look('a', range(50n, 60n), 0)
  t.match(progress.standing(1000, all).lags, [{ lag: 10n }])
  progress.recorded('b', 0, 100n)
  progress.look('b', range(0n, 20n), 0)
  t.match(progress.standing(1000, all).lags[1], { lag: 0n })
  progress.look('c', range(3n, 7n), 0)
  t.match(progress.standing(9000, all), { lags: [{}, {}, { lag: 4n }], stalledSeconds: 9 })
  for (let n = 0; n < 5000; n++) progress.look('c', range(3n, BigInt(8 + n)), 10_000 + n)
  t.equal(progress.standing(20_000, all).oldestSeconds, 20, 'the oldest is kept whatever comes')
  t.end()
})

t.test('the real writer: not ready and behind while the catalog does not answer, ready again after it', async t => {
  const { openLine, pageView } = await import('./started-line.ts')
  const line = await openLine(t.testdir(), ['ecommerce_events'], 1)
  t.teardown(() => line.close())
  let isAway = false
  const held: (() => void)[] = []
  const catalog = new Proxy(line.catalog, {
    get: (target, name) => {
      const member = Reflect.get(target, name) as unknown
      if (typeof member !== 'function') return member
      return async (...args: unknown[]) => {
        if (isAway) await new Promise<void>(resolve => { held.push(resolve) })
        return await (member as (...args: unknown[]) => unknown).apply(target, args)
      }
    }
  })
  const ending = new AbortController()
  await line.send([{ value: pageView('e-0') }])
  let writer: { measure(): Promise<{ lags: readonly { lag: bigint }[] }>, checkReady(): Promise<void> } | undefined
  const running = line.drain({ catalog, untilEnd: false, signal: ending.signal, stalledSecondsMax: 0.05, onWriter: found => { writer = found } })
  const lag = async (): Promise<bigint> => (await writer!.measure()).lags.reduce((sum, each) => sum + each.lag, 0n)
  const isReady = async (): Promise<boolean> => await writer!.checkReady().then(() => true, () => false)
  await until(async () => writer !== undefined && await isReady() && await lag() === 0n)
  isAway = true
  await line.send([{ value: pageView('e-1') }, { value: pageView('e-2') }])
  await until(async () => await lag() === 2n && !await isReady())
  await t.rejects(writer!.checkReady(), { code: 'WRITER_STALLED', message: /2 records/ })
  isAway = false
  for (const go of held) go()
  await until(async () => await lag() === 0n && await isReady())
  ending.abort()
  await running
})

t.test('a writer of a group that has halted tells what waits, which nobody else would', async t => {
  const { openLine, pageView } = await import('./started-line.ts')
  const { printHalts, haltsProperty } = await import('./halts.ts')
  const { setProperties } = await import('../catalog/index.ts')
  const line = await openLine(t.testdir(), ['ecommerce_events'], 2)
  t.teardown(() => line.close())
  await line.send([{ value: pageView('e-0') }, { value: pageView('e-1'), key: 'other' }])
  await line.drain()
  const halt = { topic: null, partition: null, kind: 'table' as const, reason: 'set by the test', choices: 'none', since: '2026-01-01T00:00:00.000Z', evidence: {} }
  await setProperties({ catalog: line.catalog, storage: line.storage, table: await line.table('events'), signal: new AbortController().signal }, { [haltsProperty]: printHalts([halt]) })
  await line.send([{ value: pageView('e-2') }, { value: pageView('e-3') }, { value: pageView('e-4'), key: 'other' }])
  const ending = new AbortController()
  let writer: { measure(): Promise<{ lags: readonly { lag: bigint }[], oldestSeconds: number }>, checkReady(): Promise<void> } | undefined
  const running = line.drain({ untilEnd: false, group: 'writers', signal: ending.signal, onWriter: found => { writer = found } })
  await until(async () => writer !== undefined && await writer.checkReady().then(() => false, ({ code }) => code === 'WRITER_HALTED'))
  await until(async () => (await writer!.measure()).lags.reduce((sum, { lag }) => sum + lag, 0n) === 3n)
  t.ok((await writer!.measure()).oldestSeconds > 0)
  ending.abort()
  await running
})
