/**
 * The routes of Iceberg's REST catalog that this server offers; `GET /v1/config` lists exactly these, from the same table.
 *
 * A handler reads the request, calls one operation and prints its result. Names in paths are taken from the raw URL, because `%2F`, `%1F` and
 * Java's `+` for a space must come out as one name each.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { printJson } from '../spec/json.ts'
import type { TableIdentifier } from '../spec/types.ts'
import { commitTable, commitTables } from './commits.ts'
import { RestError } from './errors.ts'
import { namespaceKey, parseNamespace, pathParts, type Namespace } from './identifier.ts'
import type { EntryKind } from './pointer-store.ts'
import { createNamespace, demandNamespace, dropNamespace, listNamespaces, loadNamespace, updateNamespace } from './namespaces.ts'
import { encodeToken, etagOf, matchesEtag, printTable, printView, readPage, type SnapshotMode } from './replies.ts'
import { readBody } from './requests.ts'
import type { CatalogState } from './state.ts'
import { createTable, demandTable, dropTable, loadTable, registerTable, rename } from './tables.ts'
import { commitView, createView, demandView, dropView, loadView, registerView } from './views.ts'

interface Call { readonly state: CatalogState, readonly request: FastifyRequest, readonly reply: FastifyReply, readonly parts: readonly string[], readonly query: Record<string, unknown> }
type Handler = (call: Call) => unknown

const namespaces = '/v1/namespaces'
const namespace = `${namespaces}/:namespace`
const table = `${namespace}/tables/:table`
const view = `${namespace}/views/:view`

const routes: readonly [method: 'GET' | 'POST' | 'DELETE' | 'HEAD', path: string, handler: Handler][] = [
  ['GET', namespaces, ({ state, query }) => {
    const parent = query['parent'] === undefined || query['parent'] === '' ? [] : parseNamespace(String(query['parent']))
    const { after, count } = readPage(query)
    const found = listNamespaces(state, parent).filter(child => namespaceKey(child) > after)
    const page = count < 0 ? found : found.slice(0, count)
    return { 'namespaces': page, 'next-page-token': page.length < found.length ? encodeToken(namespaceKey(page.at(-1) as Namespace)) : null }
  }],
  ['POST', namespaces, ({ state, request }) => createNamespace(state, readBody('createNamespace', request.body))],
  ['GET', namespace, ({ state, parts }) => loadNamespace(state, namespaceOf(parts))],
  ['HEAD', namespace, ({ state, parts, reply }) => { demandNamespace(state.pointers, namespaceOf(parts)); return empty(reply) }],
  ['DELETE', namespace, ({ state, parts, reply }) => { dropNamespace(state, namespaceOf(parts)); return empty(reply) }],
  ['POST', `${namespace}/properties`, ({ state, parts, request }) => updateNamespace(state, namespaceOf(parts), readBody('updateNamespace', request.body))],
  ['GET', `${namespace}/tables`, call => list(call, 'table')],
  ['POST', `${namespace}/tables`, async ({ state, parts, request, reply }) => {
    const created = await createTable(state, namespaceOf(parts), readBody('createTable', request.body))
    if (created.location !== null) void reply.header('etag', etagOf(created))
    return printTable(created)
  }],
  ['GET', table, async ({ state, parts, query, request, reply }) => {
    const mode = snapshotMode(query['snapshots'])
    const loaded = await loadTable(state, nameOf(parts))
    const etag = etagOf(loaded, mode)
    void reply.header('etag', etag)
    if (matchesEtag(request.headers['if-none-match'], etag)) return void reply.code(304).send()
    return printTable(loaded, mode)
  }],
  ['HEAD', table, ({ state, parts, reply }) => { demandTable(state, nameOf(parts)); return empty(reply) }],
  ['POST', table, async ({ state, parts, request, reply }) => {
    const committed = await commitTable(state, nameOf(parts), readBody('commitTable', request.body))
    void reply.header('etag', etagOf(committed))
    return printTable(committed)
  }],
  ['DELETE', table, async ({ state, parts, query, reply }) => { await dropTable(state, nameOf(parts), query['purgeRequested'] === 'true'); return empty(reply) }],
  ['POST', `${table}/metrics`, ({ state, parts, request, reply }) => { readBody('reportMetrics', request.body); demandTable(state, nameOf(parts)); return empty(reply) }],
  ['POST', `${namespace}/register`, async ({ state, parts, request, reply }) => {
    const registered = await registerTable(state, namespaceOf(parts), readBody('registerTable', request.body))
    void reply.header('etag', etagOf(registered))
    return printTable(registered)
  }],
  ['POST', '/v1/tables/rename', async ({ state, request, reply }) => { await rename(state, 'table', readBody('rename', request.body)); return empty(reply) }],
  ['POST', '/v1/transactions/commit', async ({ state, request, reply }) => {
    const changes = readBody('commitTransaction', request.body)['table-changes']
    await commitTables(state, changes.map(change => ({ id: change.identifier, change })))
    return empty(reply)
  }],
  ['GET', `${namespace}/views`, call => list(call, 'view')],
  ['POST', `${namespace}/views`, async ({ state, parts, request }) => printView(await createView(state, namespaceOf(parts), readBody('createView', request.body)))],
  ['GET', view, async ({ state, parts }) => printView(await loadView(state, nameOf(parts)))],
  ['HEAD', view, ({ state, parts, reply }) => { demandView(state, nameOf(parts)); return empty(reply) }],
  ['POST', view, async ({ state, parts, request }) => printView(await commitView(state, nameOf(parts), readBody('commitView', request.body)))],
  ['DELETE', view, async ({ state, parts, reply }) => { await dropView(state, nameOf(parts)); return empty(reply) }],
  ['POST', `${namespace}/register-view`, async ({ state, parts, request }) => printView(await registerView(state, namespaceOf(parts), readBody('registerTable', request.body)))],
  ['POST', '/v1/views/rename', async ({ state, request, reply }) => { await rename(state, 'view', readBody('rename', request.body)); return empty(reply) }]
]

/** What the server offers, in the specification's words. */
export const endpoints: readonly string[] = routes.map(([method, path]) => `${method} ${path.replace('/v1/', '/v1/{prefix}/').replace(/:(\w+)/g, '{$1}')}`)

/** The methods that a path is offered with. */
export function methodsOf(path: string): string[] {
  return [...routes, ['GET', '/v1/config'] as const].filter(([, pattern]) => new RegExp(`^${pattern.replace(/:\w+/g, '[^/]+')}/?$`).test(path)).map(([method]) => method)
}

export function addRoutes(app: FastifyInstance, state: CatalogState): void {
  app.get('/v1/config', () => ({ defaults: {}, overrides: {}, endpoints }))
  for (const [method, url, handler] of routes) {
    app.route({
      method,
      url,
      handler: async (request, reply) => {
        const result = await handler({ state, request, reply, parts: pathParts(request.raw.url ?? ''), query: request.query as Record<string, unknown> })
        if (reply.sent || result === undefined) return reply
        return reply.type('application/json').send(Buffer.isBuffer(result) ? result : printJson(result))
      }
    })
  }
}

function list({ state, parts, query }: Call, kind: EntryKind): object {
  const namespace = namespaceOf(parts)
  demandNamespace(state.pointers, namespace)
  const { after, count } = readPage(query)
  // One more than asked for tells whether another page follows.
  const names = state.pointers.list(namespace, kind, after, count < 0 ? -1 : count + 1)
  const page = count < 0 ? names : names.slice(0, count)
  return { 'identifiers': page.map(name => ({ namespace, name })), 'next-page-token': page.length < names.length ? encodeToken(page.at(-1) as string) : null }
}

// ['v1', 'namespaces', '<namespace>', 'tables', '<table>', …]
function namespaceOf(parts: readonly string[]): Namespace {
  return parseNamespace(parts[2] ?? '')
}

function nameOf(parts: readonly string[]): TableIdentifier {
  return { namespace: namespaceOf(parts), name: parts[4] ?? '' }
}

function snapshotMode(value: unknown): SnapshotMode {
  if (value === undefined || value === 'all') return 'all'
  if (value === 'refs') return 'refs'
  throw new RestError('BadRequestException', `Invalid snapshots ${String(value)}: it must be all or refs`)
}

function empty(reply: FastifyReply): undefined {
  void reply.code(204).send()
}
