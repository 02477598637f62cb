import t from 'tap'
import type { LoadedTable } from '../catalog/index.ts'
import { until } from '../runtime/index.ts'
import { ModelLoop } from './model-loop.ts'
import type { CycleOptions, ModelRun } from './runner/index.ts'

const run = (model: string): ModelRun => ({ model, outcome: 'written', rows: 1, dirtyUnits: 1, ms: 1, cpuMs: 1, reason: 'new', snapshotId: 1n })
const quiet = { info: () => {}, warn: () => {} }

/** A table whose snapshot the test moves, and a runner that writes down what it was asked. */
function parts (t: { after(run: () => void): unknown }, onCycle: (options: CycleOptions, world: World) => Promise<ModelRun[]>) {
  const world: World = { snapshotId: 1n, said: [] }
  const stop = new AbortController()
  t.after(() => { stop.abort() })
  const table = () => ({ metadata: { 'current-snapshot-id': world.snapshotId, 'refs': { main: { 'snapshot-id': world.snapshotId, 'type': 'branch' } } } }) as unknown as LoadedTable
  const loop = new ModelLoop({
    catalog: { loadTable: async () => table() },
    runner: { cycle: async (options = {}) => await onCycle(options, world), status: async () => [], close: async () => {} },
    prepare: async () => { world.said.push('prepared') },
    afterCycle: runs => { world.said.push(`told ${runs.map(({ model }) => model).join(' ')}`) },
    logger: quiet,
    metrics: { ran: () => {} },
    lookMs: 5,
    slowMs: 60_000,
    signal: stop.signal
  })
  return { loop, world, stop }
}

interface World { snapshotId: bigint, said: string[] }

t.test('what the rules find is told before the slow models run, and these give way to the next snapshot', async t => {
  const { loop, world, stop } = parts(t, async ({ minute, giveWay }, world) => {
    world.said.push(minute === false ? 'quick' : 'slow')
    if (minute === false) return [run('rule')]
    if (world.snapshotId === 1n) {
      t.equal(await giveWay?.(), false, 'nothing new yet')
      world.snapshotId = 2n
      t.equal(await giveWay?.(), true)
    }
    return [run('model')]
  })
  const running = loop.run()
  await until(() => world.said.filter(said => said === 'slow').length === 2)
  stop.abort()
  await running
  t.strictSame(world.said.slice(0, 8), ['prepared', 'quick', 'told rule', 'slow', 'told model', 'quick', 'told rule', 'slow'], 'the slow ones go on after the rules, though their minute is not over')
})

t.test('nothing runs while nothing is new, and what failed is tried again', async t => {
  let failures = 2
  const { loop, world, stop } = parts(t, async () => {
    if (failures-- > 0) throw new Error('the catalog is away')
    world.said.push('cycle')
    return []
  })
  const running = loop.run()
  await until(() => loop.error !== null)
  await until(() => loop.error === null && world.said.includes('cycle'))
  const cycles = world.said.length
  await new Promise(resolve => setTimeout(resolve, 50))
  t.equal(world.said.length, cycles)
  world.snapshotId = 2n
  await until(() => world.said.length > cycles)
  stop.abort()
  await running
})
