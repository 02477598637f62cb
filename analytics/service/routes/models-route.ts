// GET /v1/models: what each model answers, its columns, how its table stands, and how stale it is and may be.

import type { FastifyInstance } from 'fastify'
import { currentSnapshot, isCatalogError, type LoadedTable } from '../../../catalog/index.ts'
import type { Freshness } from '../../model-freshness.ts'
import { freshnessGoals } from '../../models/freshness.ts'
import type { Model } from '../../models/model-file.ts'
import type { KnownTables, LakeTables } from '../../query/duckdb-views.ts'
import { readState } from '../../runner/model-state.ts'

export function routeModels (app: FastifyInstance, lake: LakeTables, known: KnownTables, models: () => Promise<readonly Model[]>, freshness?: () => Promise<readonly Freshness[]>): void {
  app.get('/v1/models', async () => {
    const all = await models()
    const goals = freshnessGoals(all)
    const fresh = new Map((await freshness?.() ?? []).map(one => [one.model, one]))
    return {
      models: await Promise.all(all.map(async model => {
        const { staleMs = null, goalMs = goals.get(model.name)! } = fresh.get(model.name) ?? {}
        const described = describe(model, await load(lake, known, model))
        return { ...described, staleness_seconds: staleMs === null ? null : Math.round(staleMs / 1000), freshness_goal_seconds: goalMs / 1000 }
      }))
    }
  })
}

function describe ({ name, kind, question, owner, unit, time, key, reads, columns }: Model, table: LoadedTable | null): object {
  const snapshot = table === null ? undefined : currentSnapshot(table.metadata)
  const state = readState(table)
  return {
    name,
    table: `analytics.${name}`,
    kind,
    question,
    owner,
    unit: unit.kind === 'key' ? `key ${unit.column}` : unit.kind,
    time,
    key,
    reads: reads.map(({ table }) => table),
    columns,
    rows: snapshot === undefined ? null : Number(snapshot.summary['total-records'] ?? 0),
    snapshot_id: snapshot === undefined ? null : String(snapshot['snapshot-id']),
    changed_at: snapshot === undefined ? null : new Date(snapshot['timestamp-ms']).toISOString(),
    age_seconds: snapshot === undefined ? null : Math.max(0, Math.round((Date.now() - snapshot['timestamp-ms']) / 1000)),
    watermark: state?.watermark?.toISOString() ?? null
  }
}

async function load ({ catalog }: LakeTables, known: KnownTables, { name }: Model): Promise<LoadedTable | null> {
  try {
    return await known.table(catalog, { namespace: ['analytics'], name })
  } catch (error) {
    if (isCatalogError(error, 'CATALOG_NO_SUCH_TABLE') || isCatalogError(error, 'CATALOG_NO_SUCH_NAMESPACE')) return null
    throw error
  }
}
