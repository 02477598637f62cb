/** A time is printed in UTC wherever the process runs, in every form in which the client hands it out. */
import { execFileSync } from 'node:child_process'
import t from 'tap'

const script = `
  const { DuckDBInstance } = await import('./duckdb.ts')
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run("set TimeZone = 'UTC'")
  const reader = await connection.runAndReadAll("select timestamptz '2026-07-01 12:00:00Z' as summer, timestamptz '1950-01-31 23:59:59.5Z' as old, [timestamptz '2026-01-01 00:00:00Z'] as list, {'t': timestamptz '2026-11-01 06:30:00Z'} as struct")
  console.log(JSON.stringify([reader.getRows()[0].map(String), reader.getRowsJson(), reader.getRowObjectsJson()]))
`

t.test('times are UTC in whatever zone the machine is', async t => {
  const inZone = (zone: string): unknown =>
    JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: import.meta.dirname, encoding: 'utf8', env: { ...process.env, TZ: zone } }))
  const utc = inZone('UTC') as [string[]]
  t.strictSame(utc[0].slice(0, 2), ['2026-07-01 12:00:00+00', '1950-01-31 23:59:59.5+00'])
  for (const zone of ['America/New_York', 'Asia/Kolkata', 'Pacific/Apia']) t.strictSame(inZone(zone), utc, zone)
})
