// What gateways refused becomes rows, once however often it is asked, of several gateways, over restarts of both; and a model that
// reads it computes the hours anew that changed, and no other.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { openQueryEngine } from '../query/open.ts'
import { openTestLake } from '../runner/test-lake.ts'
import { collectRefusals } from './refused-events.ts'

const hourOf = (hour: string, code: string, events: number, key: string | null = null) => ({ hour: `2026-03-01T${hour}:00:00Z`, code, key, events })

t.test('counts of gateways become rows and follow them', async t => {
  const lake = await openTestLake(t)
  const answers: Record<string, unknown> = { '/a': { gateway: 'a', hours: [hourOf('10', 'X', 3), hourOf('10', 'X', 4, 'web')] }, '/b': { gateway: 'b', hours: [hourOf('10', 'X', 5)] }, '/writer': null, '/strange': { gateway: 'c', hours: [{ hour: 'x' }, null, hourOf('10', 'X', -1), 7] } }
  const server = createServer((request, answer) => {
    const found = answers[request.url!.replace('/v1/refusals/hours', '')]
    answer.statusCode = found === null || found === undefined ? 404 : 200
    answer.end(JSON.stringify(found ?? {}))
  }).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  t.teardown(() => server.close())
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const engine = await openQueryEngine({ FIRN_QUERY_URL: 'duckdb:', FIRN_SQL_MEMORY_MIB_MAX: 512 }, () => ({ ...lake, catalogUrl: '' }))
  t.teardown(async () => { await engine.close() })
  const rows = async (): Promise<unknown> => {
    const found: unknown[] = []
    for await (const run of (await engine.query("select r.gateway || ' ' || coalesce(r.write_key, '-') || ' ' || cast(r.events as varchar) from analytics.ref_refused_events r order by 1")).chunks) found.push(...run.map(([text]) => text))
    return found
  }
  const open = () => collectRefusals({ ...lake, engine, urls: async () => Object.keys(answers).map(path => base + path).concat('http://127.0.0.1:1'), logger: { warn: () => {} }, everyMs: 3_600_000 })
  let collector = open()
  await collector.collect()
  await collector.collect()
  t.strictSame(await rows(), ['a - 3', 'a web 4', 'b - 5'])
  answers['/a'] = { gateway: 'a', hours: [hourOf('10', 'X', 9), hourOf('11', 'X', 1)] }
  await collector.collect()
  t.strictSame(await rows(), ['a - 1', 'a - 9', 'a web 4', 'b - 5'], 'what a gateway has forgotten stays')
  await collector.close()
  collector = open()
  await collector.collect()
  t.strictSame(await rows(), ['a - 1', 'a - 9', 'a web 4', 'b - 5'])
  await collector.close()
})
