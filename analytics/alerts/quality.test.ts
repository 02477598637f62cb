import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { openLakeHere } from '../engine-here.fixture.ts'
import { writeTable } from '../runner/write-table.fixture.ts'
import type { Alert } from './alert.ts'
import { followQuality } from './follow-quality.ts'
import { testConfig } from './mail-server.fixture.ts'
import { qualityConditions, type QualityHour } from './quality-conditions.ts'

t.setTimeout(240_000)
const config = testConfig(undefined)
const hourMs = 3_600_000
const startMs = Date.parse('2026-03-10T12:00:00Z')
const hour = (n: number, counts: QualityHour['counts'], rows = 1000, eventType = 'order_created'): QualityHour => ({ eventType, hour: new Date(startMs + n * hourMs), rows, counts })

t.test('the newest hour with rows enough is judged, each measure by its own bound', async t => {
  const found = (hours: QualityHour[]) => Object.fromEntries(qualityConditions(hours, config).map(({ name, finding }) => [name, finding]))
  t.strictSame(found([hour(0, { missing: 500 }), hour(1, { missing: 101, late: 101, duplicates: 170 })]), { 'order_created-missing': 'bad', 'order_created-late': 'good', 'order_created-duplicates': 'good' })
  t.strictSame(found([hour(0, { missing: 500 }), hour(1, { missing: 0 }, 99)]), { 'order_created-missing': 'bad' }, 'an hour with few rows says nothing')
  t.strictSame(found([hour(0, { missing: 90 })]), { 'order_created-missing': 'unknown' }, 'near its bound nothing changes')
  t.strictSame(found([hour(0, { dead_letters: 100 }, 100)]), { 'order_created-dead_letters': 'bad' })
})

t.test('ten bad hours are one alert, and one that says when it is over', async t => {
  const lake = await openLakeHere(t)
  const told: Alert[] = []
  let clockMs = startMs
  const columns = [{ name: 'hour', type: 'timestamptz' as const }, { name: 'event_type', type: 'string' as const }, ...['rows', 'missing', 'duplicates'].map(name => ({ name, type: 'long' as const }))]
  const follower = followQuality({ catalog: lake.catalog, engine: lake.engine, alerts: { offer: async alert => { told.push(alert as Alert) } }, config, dataDir: mkdtempSync(join(tmpdir(), 'firn-quality-')), logger: { warn: () => {} }, clock: () => clockMs })
  t.teardown(() => follower.close())
  for (let n = 0; n < 12; n++) {
    clockMs = startMs + n * hourMs
    await writeTable(lake, 'analytics.data_quality', columns, [{ select: `select make_timestamptz(${clockMs}000) as hour, 'order_created' as event_type, 1000 as rows, ${n < 10 ? 400 : 0} as missing, null as duplicates` }])
    follower.afterCycle([{ model: 'data_quality', outcome: 'written' }])
    await follower.settled()
  }
  t.match(told, [{ title: '40.0 % of order_created lack a field that they should have', kind: 'quality', evidence: [/^400 of 1,000 in the hour from 2026-03-10 12:00 UTC/] }, { title: /^No longer: 40.0 %/, about: told[0]!.id }])
  t.equal(told.length, 2)
})
