// For tests: the query service over a lake of its own and the engine that is here, on a server that listens, and tables made
// from a SELECT.

import { request as httpRequest } from 'node:http'
import type { Test } from 'tap'
import type { WantedColumn } from '../../catalog/index.ts'
import { createHttpServer, createLogger, readConfig } from '../../runtime/index.ts'
import { Type } from 'typebox'
import { openLakeHere, type LakeHere } from '../engine-here.fixture.ts'
import { writeTable, type NewFile, type WriteOptions } from '../runner/write-table.fixture.ts'
import { queryServiceSettings } from './config.ts'
import { openQueryService, type QueryServiceOptions } from './service.ts'

export interface TestService {
  readonly lake: LakeHere
  readonly url: string
  /** POST /v1/query */
  ask(sql: string, more?: Record<string, unknown>, headers?: Record<string, string>): Promise<TestReply>
  get(path: string, headers?: Record<string, string>, method?: string): Promise<TestReply>
  /** A snapshot of a table, which is created when it is missing. One file for each select. */
  write(name: string, columns: readonly WantedColumn[], files: readonly NewFile[], terms?: WriteOptions['terms']): Promise<bigint>
}

export interface TestReply { readonly status: number, readonly headers: Record<string, string>, readonly trailers: Record<string, string>, readonly body: Buffer, readonly json: any }

export async function openTestService (t: Test, settings: Record<string, string> = {}, more: Partial<QueryServiceOptions> = {}): Promise<TestService> {
  const lake = await openLakeHere(t)
  const config = readConfig('analytics', Type.Object(queryServiceSettings), { env: settings, argv: [] })
  const trino = lake.trino === null ? {} : { trino: { engine: lake.trino, url: lake.queryUrl } }
  const service = await openQueryService({ catalog: lake.catalog, catalogUrl: lake.catalogUrl, storage: lake.storage, config, dataDir: lake.dataDir, ...trino, ...more })
  const app = createHttpServer({ logger: createLogger('analytics', 'silent'), bodyBytesMax: 1_000_000 })
  await app.register(service.plugin)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(async () => { await service.close(); app.server.closeAllConnections(); await app.close() })
  return {
    lake,
    url,
    ask: async (sql, more = {}, headers = {}) => await send(url + '/v1/query', 'POST', { 'content-type': 'application/json', ...headers }, JSON.stringify({ sql, ...more })),
    get: async (path, headers = {}, method = 'GET') => await send(url + path, method, headers),
    write: async (name, columns, files, terms = []) => await writeTable(lake, name, columns, files, { terms })
  }
}

async function send (url: string, method: string, headers: Record<string, string>, body?: string): Promise<TestReply> {
  return await new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers: { ...headers, ...body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) } } }, response => {
      const parts: Buffer[] = []
      response.on('data', part => parts.push(part))
      response.on('error', reject)
      response.on('end', () => {
        const body = Buffer.concat(parts)
        const text = body.toString()
        resolve({ status: response.statusCode!, headers: response.headers as Record<string, string>, trailers: response.trailers as Record<string, string>, body, get json () { return JSON.parse(text) } })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}
