// For tests
// As much of AWS Glue's API as a catalog needs, in this process: version ids as locks, pages of two, and answers on demand. What real Glue's
// stand-ins do otherwise is checked against moto (catalogs.servers.ts).

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Database, Table, TableInput } from '@aws-sdk/client-glue'

export interface GlueCall { readonly operation: string, readonly body: Record<string, any> }
interface Refusal { readonly type: string, readonly message: string, readonly status?: number }

export interface FakeGlue {
  readonly url: string
  readonly calls: readonly GlueCall[]
  /** The next call of this operation is refused and not done. */
  refuseOnce(operation: string, refusal: Refusal): void
  /** The next call of this operation is done, but its sender hears nothing. */
  loseReplyOnce(operation: string): void
  /** What is stored, as it is. */
  table(database: string, name: string): Table | undefined
  /** Somebody else, who knows nothing of Iceberg, touches a table. */
  touch(database: string, name: string, change: Partial<Table>): void
  stop(): void
}

const pageSize = 2

export async function startFakeGlue(): Promise<FakeGlue> {
  const databases = new Map<string, Database>()
  const tables = new Map<string, Table>()
  const calls: GlueCall[] = []
  const refusals = new Map<string, Refusal>()
  const lost = new Set<string>()
  const keyOf = (database: string, name: string) => `${database}.${name}`

  const find = (body: Record<string, any>): Table => tables.get(keyOf(body['DatabaseName'], body['Name'])) ?? refuse({ type: 'EntityNotFoundException', message: `Entity Not Found: Table ${body['Name']} not found.` })
  const demandDatabase = (name: string): Database => databases.get(name) ?? refuse({ type: 'EntityNotFoundException', message: `Database ${name} not found.` })
  const pageOf = <T>(all: T[], token: string | undefined, name: string) => {
    const from = Number(token ?? 0)
    return { [name]: all.slice(from, from + pageSize), ...(from + pageSize < all.length ? { NextToken: String(from + pageSize) } : {}) }
  }
  const store = (body: Record<string, any>, version: number): object => {
    const input = body['TableInput'] as TableInput
    tables.set(keyOf(body['DatabaseName'], String(input.Name)), { ...input, Name: input.Name, DatabaseName: body['DatabaseName'], VersionId: String(version) } as Table)
    return {}
  }
  const operations: Record<string, (body: Record<string, any>) => object> = {
    GetDatabase: body => ({ Database: demandDatabase(body['Name']) }),
    CreateDatabase: body => {
      const input = body['DatabaseInput'] as Database
      if (databases.has(input.Name ?? '')) refuse({ type: 'AlreadyExistsException', message: 'Database already exists.' })
      databases.set(input.Name ?? '', input)
      return {}
    },
    GetDatabases: body => pageOf([...databases.values()], body['NextToken'], 'DatabaseList'),
    GetTables: body => { demandDatabase(body['DatabaseName']); return pageOf([...tables.values()].filter(table => table.DatabaseName === body['DatabaseName']), body['NextToken'], 'TableList') },
    GetTable: body => { demandDatabase(body['DatabaseName']); return { Table: find(body) } },
    CreateTable: body => {
      demandDatabase(body['DatabaseName'])
      if (tables.has(keyOf(body['DatabaseName'], body['TableInput'].Name))) refuse({ type: 'AlreadyExistsException', message: 'Table already exists.' })
      return store(body, 0)
    },
    UpdateTable: body => {
      const before = find({ ...body, Name: body['TableInput'].Name })
      if (body['VersionId'] !== undefined && body['VersionId'] !== before.VersionId) refuse({ type: 'ConcurrentModificationException', message: 'Update table failed due to concurrent modifications.' })
      return store(body, Number(before.VersionId) + 1)
    },
    DeleteTable: body => { find(body); tables.delete(keyOf(body['DatabaseName'], body['Name'])); return {} }
  }

  const server = createServer((request, reply) => {
    let text = ''
    request.setEncoding('utf8').on('data', (chunk: string) => { text += chunk }).on('end', () => {
      const operation = String(request.headers['x-amz-target']).split('.')[1] ?? ''
      const body = JSON.parse(text) as Record<string, any>
      calls.push({ operation, body })
      let [status, answer]: [number, object] = [200, {}]
      try {
        const refusal = refusals.get(operation)
        refusals.delete(operation)
        answer = refusal === undefined ? operations[operation]?.(body) ?? refuse({ type: 'UnknownOperationException', message: operation }) : refuse(refusal)
      } catch (error) {
        if (!(error instanceof Refused)) throw error
        status = error.refusal.status ?? 400
        answer = { __type: error.refusal.type, Message: error.refusal.message }
      }
      if (lost.delete(operation)) return reply.socket?.destroy()
      reply.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(answer))
    })
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    refuseOnce(operation, refusal) { refusals.set(operation, refusal) },
    loseReplyOnce(operation) { lost.add(operation) },
    table: (database, name) => tables.get(keyOf(database, name)),
    touch(database, name, change) {
      const table = tables.get(keyOf(database, name))
      tables.set(keyOf(database, name), { ...table, ...change, VersionId: String(Number(table?.VersionId) + 1) } as Table)
    },
    stop() { server.closeAllConnections(); server.close() }
  }
}

class Refused extends Error {
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(refusal.message)
    this.refusal = refusal
  }
}

function refuse(refusal: Refusal): never {
  throw new Refused(refusal)
}
