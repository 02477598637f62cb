// For tests: a lake with a shop's events after one run of all models, and what validation finds of a day.

import type { Test } from 'tap'
import { openDuckdbEngine } from '../../query/duckdb.ts'
import { loadReferences } from '../../reference/load.ts'
import { openRunner } from '../../runner/index.ts'
import { openTestLake, type EventRow, type TestLake } from '../../runner/test-lake.ts'
import { readModels } from '../../models/catalogue.ts'
import type { Model } from '../../models/model-file.ts'
import { factsOf, type FactsParts } from './facts.ts'
import { findFaults } from './findings.ts'

export const models = (await readModels()).filter(({ kind }) => kind === 'model')
let serial = 0
export const say = (event_time: string, event_type: string, fields: EventRow = {}): EventRow => ({ event_id: `e${++serial}`, event_type, event_time, received_at: event_time, log_topic: 't', log_partition: 0, log_offset: serial, ...fields })
export const order = (id: string, fields: EventRow = {}): EventRow => ({ order_id: id, amount: '20.00', currency: 'EUR', ...fields })
export const product = (id: string): EventRow => ({ product_id: id, quantity: 2, unit_price: '10.00' })

export async function openShop (t: Test, events: readonly EventRow[]): Promise<{ lake: TestLake, faults: (date: string, of?: readonly Model[]) => Promise<string[]> }> {
  const lake = await openTestLake(t)
  await loadReferences(lake)
  await lake.append(events)
  await lake.appendLetters([{ reason: 'not_json', payload: 'x', received_at: '2026-03-01T10:00:00Z', committed_at: '2026-03-01T10:00:00Z' }])
  const runner = openRunner({ ...lake, engine: null, models })
  t.teardown(() => runner.close())
  t.strictSame((await runner.cycle({ minute: true })).filter(({ outcome }) => outcome === 'failed'), [])
  const engine = openDuckdbEngine({ ...lake, catalogUrl: 'http://127.0.0.1:1', memoryMiBMax: 512 })
  const faults = async (date: string, of: readonly Model[] = models): Promise<string[]> => {
    const parts: FactsParts = { catalog: lake.catalog, engine, date, models }
    return (await Promise.all(of.map(async model => findFaults(model, date, await factsOf(parts, model), false)))).flat()
  }
  return { lake, faults }
}
