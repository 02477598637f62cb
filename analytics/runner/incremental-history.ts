// For tests: histories of a lake (late, doubled and disordered events, compaction, expiry and deletes by others, crashes of
// the runner in the middle of a commit), played while models run; after each cycle every table must be what a full recompute
// at its recorded snapshots gives.

import fc from 'fast-check'
import type { QueryEngine } from '../query/engine.ts'
import { adversaryBefore, faults } from './adversary.ts'
import { identifierOf } from './model-table.ts'
import { openRunner, type ModelRun, type Runner } from './runner.ts'
import { eventsId, type EventRow, type TestLake } from './test-lake.ts'
import { testModels } from './test-models.ts'

const began = Date.parse('2026-01-30T20:00:00Z')
const types = ['order_created', 'order_created', 'order_updated', 'payment_captured', 'page_view']
const event = fc.record({
  type: fc.constantFrom(...types),
  order: fc.option(fc.integer({ min: 0, max: 7 }), { freq: 8 }),
  customer: fc.option(fc.integer({ min: 0, max: 2 }), { freq: 8 }),
  lateMinutes: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: -5, max: 20 }) }, { weight: 3, arbitrary: fc.integer({ min: 20, max: 200 }) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 3000 }) }),
  cents: fc.integer({ min: 0, max: 99_999 }),
  twice: fc.boolean()
})
const model = fc.integer({ min: 0, max: testModels.length - 1 })
const anyStep = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('append' as const), events: fc.array(event, { minLength: 1, maxLength: 8 }), minutes: fc.integer({ min: 0, max: 45 }) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('cycle' as const), minute: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('crash' as const), model, fault: fc.constantFrom(...faults) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('compact' as const, 'expire' as const), model: fc.option(model) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), model: fc.option(model), order: fc.integer({ min: 0, max: 7 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('from' as const), hoursBack: fc.integer({ min: 0, max: 48 }) }) }
)


export type Step = typeof anyStep extends fc.Arbitrary<infer S> ? S : never

export function histories (stepsMax: number): fc.Arbitrary<Step[]> {
  return fc.array(anyStep, { minLength: 4, maxLength: stepsMax })
}

export interface Outcomes { written: number, fresh: number, failed: number, /** Of the written ones. */ partial: number }

/** `lazy`: progress without changed rows is not written down at once. Throws with the model whose rows differ. */
export async function playHistory (lake: TestLake, steps: readonly Step[], { lazy, engine }: { lazy: boolean, engine: QueryEngine | null }, outcomes: Outcomes): Promise<void> {
  const adversary = adversaryBefore(lake.catalog)
  let now = began
  const open = (): Runner => openRunner({ ...lake, catalog: adversary, engine, models: testModels, progressMs: lazy ? 60_000 : 0, clock: () => now })
  let runner = open()
  const reopen = async (): Promise<void> => { await runner.close(); runner = open() }
  let rows = 0
  const check = async (results: readonly ModelRun[], failing: boolean): Promise<void> => {
    for (const { outcome, model, error, dirtyUnits, reason } of results) {
      outcomes[outcome]++
      if (outcome === 'written' && dirtyUnits > 0 && /new files|rewritten/.test(reason)) outcomes.partial++
      if (outcome === 'failed' && !failing) throw new Error(`${model}: ${error}`)
    }
    for (const model of testModels) {
      const { stands, should } = await lake.compare(model).catch((error: { code?: string }) => {
        // Not computed as yet, or its sources' snapshots have expired, since progress is not always written down.
        if (error.code === 'CATALOG_NO_SUCH_TABLE' || error.code === 'CATALOG_SNAPSHOT_UNKNOWN' || /has no state/.test(String(error))) return { stands: [], should: [] }
        throw error
      })
      if (JSON.stringify(stands) !== JSON.stringify(should)) throw new Error(`${model.name} (${results.find(run => run.model === model.name)?.reason})\nstands ${stands.join('\n  ')}\nshould ${should.join('\n  ')}`)
    }
  }
  try {
    await lake.append([{ event_id: 'first', event_type: 'order_created', event_time: new Date(began).toISOString() }])
    for (const step of [...steps, { do: 'cycle' as const, minute: true }]) {
      now += 1000
      if (step.do === 'append') {
        now += step.minutes * 60_000
        await lake.append(step.events.flatMap(({ type, order, customer, lateMinutes, cents, twice }): EventRow[] => {
          const row = { event_id: `e${rows++}`, event_type: type, event_time: new Date(now - lateMinutes * 60_000).toISOString(), received_at: new Date(now).toISOString(), order_id: order === null ? null : `o${order}`, customer_id: customer === null ? null : `c${customer}`, amount: (cents / 100).toFixed(2), currency: cents % 2 === 0 ? 'USD' : 'EUR' }
          return twice ? [row, row] : [row]
        }))
      } else if (step.do === 'cycle') {
        await check(await runner.cycle({ minute: step.minute }), false)
      } else if (step.do === 'crash') {
        const struck = testModels[step.model]!
        adversary.strike(struck.name, step.fault, async () => { await lake.deleteRows(identifierOf(struck), `hash(${struck.key[0]}) % 3 = 0`) })
        await check(await runner.cycle({ minute: true }), true)
        adversary.calm()
        await reopen()
      } else if (step.do === 'from') {
        await check(await runner.cycle({ only: testModels.map(({ name }) => name), from: new Date(now - step.hoursBack * 3_600_000) }), false)
      } else {
        const order = step.do === 'delete' ? step.order : 0
        const id = step.model === null ? eventsId : identifierOf(testModels[step.model]!)
        if (await lake.catalog.loadTable(id).catch(() => null) === null) continue
        if (step.do === 'compact') await lake.compact(id)
        else if (step.do === 'expire') await lake.expire(id)
        else await lake.deleteRows(id, step.model === null ? `order_id = 'o${order}'` : `hash(${testModels[step.model]!.key[0]}) % 3 = ${order % 3}`)
        await reopen()
        await check(await runner.cycle({ minute: true }), false)
      }
    }
  } finally {
    await runner.close()
  }
}
