// From analytics.data_quality to the outbox: when the model was written, the last hours are judged; what begins to be bad and
// what is good again is offered.

import { join } from 'node:path'
import type { Catalog, TableIdentifier } from '../../catalog/index.ts'
import type { Logger } from '../../runtime/index.ts'
import { timeLiteral } from '../models/render.ts'
import type { QueryEngine } from '../query/engine.ts'
import type { TypedRow } from '../query/typed-row.ts'
import type { Alerts } from './alerts.ts'
import type { AlertConfig } from './config.ts'
import { openConditions } from './conditions.ts'
import { follow, rowsOf, snapshotOf, type Follower } from './follow-table.ts'
import { qualityConditions, type Measure, type QualityHour } from './quality-conditions.ts'

const qualityTable: TableIdentifier = { namespace: ['analytics'], name: 'data_quality' }
/** Hours further back are history, not news. */
const hoursJudgedMax = 6
const rowsMax = 10_000

/** The table's columns by what they count. */
const columns: Readonly<Record<Measure, readonly string[]>> = {
  missing: ['missing', 'rows_missing'], duplicates: ['duplicates', 'rows_duplicate'], late: ['late', 'rows_late'], outliers: ['outliers', 'rows_outlier'], dead_letters: ['dead_letters']
}

export interface FollowQualityOptions {
  readonly catalog: Pick<Catalog, 'loadTable'>
  readonly engine: QueryEngine
  readonly alerts: Pick<Alerts, 'offer'>
  readonly config: AlertConfig
  readonly dataDir: string
  readonly logger: Pick<Logger, 'warn'>
  readonly clock?: () => number
}

export interface QualityFollower extends Follower {
  afterCycle(runs: ReadonlyArray<{ readonly model: string, readonly outcome: string }>): void
}

export function followQuality (options: FollowQualityOptions): QualityFollower {
  const { alerts, catalog, config, engine, logger, clock = Date.now } = options
  const conditions = openConditions({ file: join(options.dataDir, 'alerts', 'open-quality.json'), beginMs: 0, endMs: 0, offer: alert => alerts.offer(alert) })
  const lookOnce = async (): Promise<boolean> => {
    const snapshotId = await snapshotOf(catalog, qualityTable)
    if (snapshotId === null) return false
    const since = new Date(clock() - hoursJudgedMax * 3_600_000)
    const hours: QualityHour[] = []
    for await (const rows of rowsOf(engine, `select * from analytics.data_quality q where q.hour >= ${timeLiteral(since)} limit ${rowsMax}`, snapshotId)) hours.push(...rows.map(hourOf))
    await conditions.judge(qualityConditions(hours, config), clock())
    return false
  }
  const follower = follow('data quality', lookOnce, logger)
  return {
    ...follower,
    afterCycle: runs => { if (runs.some(({ model, outcome }) => model === 'data_quality' && outcome === 'written')) follower.look() }
  }
}

function hourOf (row: TypedRow): QualityHour {
  const counts: Partial<Record<Measure, number>> = {}
  for (const [measure, names] of Object.entries(columns) as Array<[Measure, readonly string[]]>) {
    const name = names.find(name => row.has(name))
    if (name !== undefined) counts[measure] = row.number(name) ?? 0
  }
  const rows = row.has('rows') ? row.number('rows') : row.number('row_count')
  return { eventType: row.text('event_type') ?? '', hour: row.time('hour') ?? new Date(0), rows: rows ?? 0, counts }
}
