/**
 * The catalog's twin in memory, for tests: it keeps every rule of a real one and misbehaves on demand.
 *
 * Faults: a reply that gets lost after the commit landed, a request that never arrives, one that arrives late, and a rival who commits first.
 */
import { randomUUID } from 'node:crypto'
import { CatalogError, reasonOf } from '../errors.ts'
import { parseJson, printJson, readMetadata } from '../spec/json.ts'
import { applyUpdates } from '../spec/metadata-update.ts'
import { ChangeRefused } from '../spec/refused.ts'
import { checkRequirements } from '../spec/requirements.ts'
import { assignFieldIds } from '../spec/schema.ts'
import type { PartitionSpec, TableChange, TableIdentifier, TableMetadata, Update } from '../spec/types.ts'
import { printIdentifier, type Catalog, type CommitReply, type CreateTableRequest, type LoadedTable } from './catalog.ts'

export interface MemoryCatalog extends Catalog {
  /** The next commit lands, but its sender hears nothing. */
  loseResponseOnce(): void
  /** The next commit never arrives. */
  loseRequestOnce(): void
  /** The next commit arrives only when `deliverLate` is called. */
  delayRequestOnce(): void
  deliverLate(): CommitReply
  /** Before the next commit is looked at, this runs: a rival that commits first. */
  conflictOnce(rival: () => Promise<unknown>): void
  /** The next `count` requests of any kind fail. */
  failNext(count: number): void
  readonly commits: readonly TableChange[]
}

export function openMemoryCatalog(options: { warehouse: string, clock?: () => number }): MemoryCatalog {
  const tables = new Map<string, LoadedTable>()
  const namespaces = new Map<string, string[]>()
  const commits: TableChange[] = []
  const state = { loseResponse: false, loseRequest: false, delay: false, late: undefined as (() => CommitReply) | undefined, rival: undefined as (() => Promise<unknown>) | undefined, fail: 0 }
  const clock = options.clock ?? Date.now
  let version = 0

  const unreachable = () => new CatalogError('CATALOG_UNREACHABLE', { url: 'memory:', reason: 'a fault of the test' })
  const failing = () => { if (state.fail > 0) { state.fail -= 1; throw unreachable() } }
  const find = (id: TableIdentifier) => {
    const table = tables.get(printIdentifier(id))
    if (table === undefined) throw new CatalogError('CATALOG_NO_SUCH_TABLE', { table: printIdentifier(id) })
    return table
  }
  const store = (id: TableIdentifier, metadata: TableMetadata) => {
    // Through JSON, as over the wire: nobody shares objects with the catalog.
    const table: LoadedTable = { id, metadata: readMetadata(parseJson(printJson(metadata))), metadataLocation: `${metadata.location}/metadata/${String(version++).padStart(5, '0')}-${randomUUID()}.metadata.json` }
    tables.set(printIdentifier(id), table)
    return table
  }
  const update = (base: LoadedTable | null, updates: readonly Update[]) => applyUpdates(base?.metadata ?? null, [...updates], { nowMs: clock(), baseLocation: base?.metadataLocation ?? null })
  const apply = (id: TableIdentifier, change: TableChange): CommitReply => {
    try {
      const base = find(id)
      checkRequirements(base.metadata, change.requirements)
      return { kind: 'landed', table: store(id, update(base, change.updates)) }
    } catch (error) {
      if (error instanceof ChangeRefused && error.kind === 'conflict') return { kind: 'conflict', reason: error.message }
      return { kind: 'refused', error: error instanceof CatalogError ? error : new CatalogError('CATALOG_REFUSED', { url: 'memory:', request: 'commit', status: 400, reason: reasonOf(error) }, error) }
    }
  }

  return {
    commits,
    loseResponseOnce() { state.loseResponse = true },
    loseRequestOnce() { state.loseRequest = true },
    delayRequestOnce() { state.delay = true },
    deliverLate() {
      const late = state.late
      if (late === undefined) throw new Error('no request is late')
      state.late = undefined
      return late()
    },
    conflictOnce(rival) { state.rival = rival },
    failNext(count) { state.fail = count },
    async loadTable(id) { failing(); return find(id) },
    async createTable(id, request) {
      failing()
      if (tables.has(printIdentifier(id))) throw new CatalogError('CATALOG_ALREADY_EXISTS', { what: `table ${printIdentifier(id)}` })
      return store(id, update(null, creation(request, request.location ?? `${options.warehouse}/${id.namespace.join('/')}/${id.name}`)))
    },
    async commitTable(id, change) {
      if (state.fail > 0) { state.fail -= 1; return { kind: 'unknown', cause: unreachable() } }
      const { rival } = state
      if (rival !== undefined) { state.rival = undefined; await rival() }
      commits.push(change)
      if (state.loseRequest) { state.loseRequest = false; return { kind: 'unknown', cause: unreachable() } }
      if (state.delay) { state.delay = false; state.late = () => apply(id, change); return { kind: 'unknown', cause: unreachable() } }
      const reply = apply(id, change)
      if (state.loseResponse) { state.loseResponse = false; return { kind: 'unknown', cause: unreachable() } }
      return reply
    },
    async ensureNamespace(namespace) { failing(); namespaces.set(namespace.join('.'), [...namespace]) },
    async listNamespaces() { failing(); return [...namespaces.values()] },
    async listTables(namespace) {
      failing()
      const found = Array.from(tables.values(), table => table.id).filter(id => id.namespace.join('.') === namespace.join('.'))
      if (found.length === 0 && !namespaces.has(namespace.join('.'))) throw new CatalogError('CATALOG_NO_SUCH_NAMESPACE', { namespace: namespace.join('.') })
      return found
    },
    async dropTable(id) { failing(); find(id); tables.delete(printIdentifier(id)) }
  }
}

function creation(request: CreateTableRequest, location: string): Update[] {
  const { schema, newIds, lastColumnId } = assignFieldIds({ ...request.schema, 'schema-id': 0 })
  const spec: PartitionSpec = { 'spec-id': 0, 'fields': (request['partition-spec']?.fields ?? []).map((field, index) => ({ ...field, 'source-id': newIds.get(field['source-id']) ?? field['source-id'], 'field-id': 1000 + index })) }
  return [
    { 'action': 'assign-uuid', 'uuid': randomUUID() },
    { 'action': 'upgrade-format-version', 'format-version': 2 },
    { 'action': 'add-schema', schema, 'last-column-id': lastColumnId },
    { 'action': 'set-current-schema', 'schema-id': -1 },
    { 'action': 'add-spec', spec },
    { 'action': 'set-default-spec', 'spec-id': -1 },
    { 'action': 'add-sort-order', 'sort-order': request['write-order'] ?? { 'order-id': 0, 'fields': [] } },
    { 'action': 'set-default-sort-order', 'sort-order-id': -1 },
    { 'action': 'set-location', location },
    { 'action': 'set-properties', 'updates': { ...request.properties } }
  ]
}
