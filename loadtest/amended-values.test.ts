// Values that land in another form, over HTTP and through to the row, by the services themselves: the time of a client whose
// clock is ahead, and money with a third decimal, where the operator lets it be rounded and where not.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DuckDBInstance, bringFiles, connectCatalog, duckdbScan, openStorage, scanFiles } from '../catalog/index.ts'
import { startLine, type Line } from './line.ts'

// Three processes each: seconds on a free machine.
t.setTimeout(240_000)

async function openLine (t: Test, shared: Record<string, string>): Promise<Line> {
  const dataDir = mkdtempSync(join(tmpdir(), 'firn-amended-'))
  const line = await startLine({ dataDir, settings: { gateway: shared, writer: shared } })
  t.teardown(async () => {
    await line.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })
  await line.start('catalog')
  await line.start('gateway')
  return line
}

async function post (line: Line, body: string): Promise<{ status: number, body: Record<string, unknown> }> {
  const answer = await fetch(`${line.gatewayUrl}/v1/events`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  return { status: answer.status, body: await answer.json() as Record<string, unknown> }
}

/** By event_id, each value as text; times in UTC. */
async function rowsOf (t: Test, line: Line, columns: readonly string[]): Promise<Record<string, Record<string, string | null>>> {
  t.equal(await line.run('writer', ['--until-end']), 0, line.printed('writer').slice(-500))
  const storage = openStorage(line.warehouseUrl)
  const table = await connectCatalog(line.catalogUrl).loadTable({ namespace: ['firn'], name: 'events' })
  const { files } = await scanFiles(storage, table)
  const release = await bringFiles(table, files, storage)
  const db = await (await DuckDBInstance.create(':memory:')).connect()
  await db.run("set TimeZone = 'UTC'")
  const found = (await db.runAndReadAll(`select event_id, ${columns.map(column => `${column}::varchar as ${column}`).join(', ')} from ${duckdbScan(table, files, storage)}`)).getRowObjects()
  db.closeSync()
  await release()
  return Object.fromEntries(found.map(({ event_id: id, ...row }) => [String(id), row as Record<string, string | null>]))
}

const isoOf = (text: string | null | undefined): number => Date.parse(String(text).replace(' ', 'T').replace('+00', 'Z'))

t.test('an event 61 minutes ahead is refused, and with sent_at by the same clock it lands at its true time with both kept', { timeout: 200_000 }, async t => {
  const line = await openLine(t, {})
  const at = (minutes: number): string => new Date(Date.now() + minutes * 60_000).toISOString()
  const event = (id: string, more: object): string => JSON.stringify({ event_id: id, event_type: 'page_view', ...more })
  const [ahead, behind] = [at(61), at(-120)]
  t.match(await post(line, event('e-alone', { timestamp: ahead })), { status: 400, body: { code: 'EVENT_TIMESTAMP_OUT_OF_WINDOW', path: 'timestamp' } })
  t.match(await post(line, event('e-ahead', { timestamp: ahead, sent_at: at(61) })), { status: 202 })
  t.match(await post(line, event('e-behind', { timestamp: behind, sent_at: at(-120) })), { status: 202 })
  t.match(await post(line, event('e-right', { timestamp: at(-1), sent_at: at(0) })), { status: 202 })
  t.match(await post(line, event('e-lied', { timestamp: at(200), sent_at: at(61) })), { status: 400, body: { code: 'EVENT_TIMESTAMP_OUT_OF_WINDOW' } }, 'ahead by its own clock as well')

  const rows = await rowsOf(t, line, ['event_time', 'received_at', 'sent_at', 'properties'])
  t.strictSame(Object.keys(rows).sort(), ['e-ahead', 'e-behind', 'e-right'])
  for (const [id, sent] of [['e-ahead', ahead], ['e-behind', behind]] as const) {
    const row = rows[id]!
    t.ok(Math.abs(isoOf(row['event_time']) - isoOf(row['received_at'])) < 30_000, `${id} happened when it was sent: ${row['event_time']}`)
    t.strictSame(JSON.parse(row['properties']!), { $extra: { timestamp: sent } }, 'as it was sent')
    t.ok(Math.abs(isoOf(row['sent_at']) - Date.parse(sent)) < 30_000)
  }
  t.equal(rows['e-right']!['properties'], null)
})

for (const round of [true, false]) {
  void t.test(`money with a third decimal ${round ? 'is rounded half up where the operator lets it, and kept as it was sent' : 'is refused where nobody lets it be rounded'}`, { timeout: 200_000 }, async t => {
    const line = await openLine(t, { FIRN_MONEY_ROUND: String(round) })
    const order = (id: string, members: string): string => `{"event_id":"${id}","event_type":"order_created","order_id":"${id}","timestamp":"${new Date().toISOString()}",${members}}`
    const odd: [string, string][] = [['o-1', '"amount":1.005'], ['o-2', '"amount":"19.994"'], ['o-3', '"quantity":3,"unit_price":0.335']]
    for (const [id, members] of odd) {
      t.match(await post(line, order(id, members)), round ? { status: 202 } : { status: 400, body: { code: 'EVENT_FIELD_TYPE', path: /^(amount|unit_price)$/ } }, members)
    }
    t.match(await post(line, order('o-4', '"amount":2.50')), { status: 202 })
    t.equal((await post(line, order('o-5', '"amount":"much"'))).status, 400, 'what is no money is none')

    const rows = await rowsOf(t, line, ['amount', 'unit_price', 'properties'])
    const plain = { 'o-4': { amount: '2.50', unit_price: null, properties: null } }
    t.strictSame(rows, !round
      ? plain
      : {
          'o-1': { amount: '1.01', unit_price: null, properties: '{"$extra":{"amount":1.005}}' },
          'o-2': { amount: '19.99', unit_price: null, properties: '{"$extra":{"amount":"19.994"}}' },
          'o-3': { amount: '1.02', unit_price: '0.34', properties: '{"$extra":{"unit_price":0.335}}' },
          ...plain
        })
    const metrics = await (await fetch(`${line.gatewayUrl}/metrics`)).text()
    const counted = [...metrics.matchAll(/^firn_gateway_values_amended_total\{field="(\w+)"\} (\d+)/gm)].map(([, field, count]) => [field, count])
    t.strictSame(counted.sort(), round ? [['amount', '2'], ['unit_price', '1']] : [])
  })
}
