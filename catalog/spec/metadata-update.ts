/**
 * Changes to table metadata: what each update of the REST specification makes of a table, as Iceberg's own library does it
 * (`TableMetadata.Builder`): equal schemas, specs and orders are reused, -1 means the one added last, and the logs stay bounded.
 *
 * Pure: base and updates in, new metadata out; the base is never touched. Refuses what would leave a table that readers refuse, and two
 * things that the library lets pass: another uuid for an existing table, and dropping a snapshot that a branch or tag still names.
 */
import { printJson, sealJson } from './json.ts'
import { checkSchema, checkSortOrder, checkSpec, equalOrders, equalSchemas, equalSpecs } from './metadata-layout.ts'
import { dropReserved, finishSnapshotLog, nextMetadataLog } from './metadata-logs.ts'
import { ChangeRefused, demand } from './refused.ts'
import { highestFieldId, schemaById } from './schema.ts'
import { specById } from './partition.ts'
import { snapshotById } from './snapshot.ts'
import type { PartitionField, PartitionSpec, Schema, Snapshot, SnapshotRef, SortOrder, TableMetadata, Update } from './types.ts'

export interface UpdateContext {
  readonly nowMs: number
  /** Where the base is stored: it goes into the metadata log. */
  readonly baseLocation?: string | null
}

export const formatVersionMax = 3
const formatVersionDefault = 2
const lastAdded = -1
const mainBranch = 'main'
const partitionIdBase = 999
/** Java refuses to load metadata whose times run backwards by more than this. */
const clockSkewMsMax = 60_000

/** Members that other format versions have. */
type AnyMetadata = TableMetadata & { 'next-row-id'?: bigint, 'encryption-keys'?: { 'key-id': string }[], 'schema'?: Schema, 'partition-spec'?: PartitionField[] }
type AnySnapshot = Snapshot & { 'first-row-id'?: bigint, 'added-rows'?: bigint }

/** Applies updates in order. Returns `base` itself when nothing changed. Throws ChangeRefused. */
export function applyUpdates(base: TableMetadata | null, updates: readonly Update[], context: UpdateContext): TableMetadata {
  const draft = new MetadataDraft(base, updates, context)
  for (const update of updates) draft.apply(update)
  return draft.finish()
}

class MetadataDraft {
  readonly #base: TableMetadata | null
  readonly #context: UpdateContext
  readonly #table: AnyMetadata
  readonly #updatedMs: number
  readonly #namedRefs: Set<string>
  readonly #addedSchemas = new Set<number>()
  readonly #addedSpecs = new Set<number>()
  readonly #addedOrders = new Set<number>()
  readonly #addedSnapshots = new Set<bigint>()
  /** Added and made current in this change. */
  readonly #passedSnapshots = new Set<bigint>()
  #removedSnapshots = false
  #lastSchemaId: number | null = null
  #lastSpecId: number | null = null
  #lastOrderId: number | null = null
  #changed: boolean

  constructor(base: TableMetadata | null, updates: readonly Update[], context: UpdateContext) {
    this.#base = base
    this.#context = context
    this.#changed = base === null
    this.#table = base === null ? emptyTable(updates) : { ...base, properties: { ...base.properties }, refs: { ...base.refs } }
    this.#updatedMs = Math.max(context.nowMs, base?.['last-updated-ms'] ?? 0)
    this.#namedRefs = new Set(updates.flatMap(update => update.action === 'set-snapshot-ref' || update.action === 'remove-snapshot-ref' ? [update['ref-name']] : []))
  }

  apply(update: Update): void {
    const table = this.#table
    switch (update.action) {
      case 'assign-uuid': return this.#assignUuid(update.uuid)
      case 'upgrade-format-version': return this.#upgrade(update['format-version'])
      case 'add-schema': return this.#addSchema(update.schema)
      case 'set-current-schema': return this.#setCurrentSchema(update['schema-id'])
      case 'add-spec': return this.#addSpec(update.spec)
      case 'set-default-spec': return this.#setDefaultSpec(update['spec-id'])
      case 'add-sort-order': return this.#addOrder(update['sort-order'])
      case 'set-default-sort-order': return this.#setDefaultOrder(update['sort-order-id'])
      case 'add-snapshot': return this.#addSnapshot(update.snapshot)
      case 'set-snapshot-ref': return this.#setRef(update['ref-name'], refOf(update))
      case 'remove-snapshots': return this.#removeSnapshots(update['snapshot-ids'])
      case 'remove-snapshot-ref': return this.#removeRef(update['ref-name'])
      case 'set-location': {
        const location = update.location.replace(/(?<=[^/])\/+$/, '')
        return this.#set(table.location !== location, () => { table.location = location })
      }
      case 'set-properties': return this.#set(Object.keys(update.updates).length > 0, () => Object.assign(table.properties, dropReserved(update.updates)))
      case 'remove-properties': return this.#set(update.removals.length > 0, () => { for (const name of update.removals) delete table.properties[name] })
      case 'set-statistics': return this.#setStatistics('statistics', update.statistics)
      case 'remove-statistics': return this.#removeStatistics('statistics', update['snapshot-id'])
      case 'set-partition-statistics': return this.#setStatistics('partition-statistics', update['partition-statistics'])
      case 'remove-partition-statistics': return this.#removeStatistics('partition-statistics', update['snapshot-id'])
      case 'remove-partition-specs': return this.#removeSpecs(update['spec-ids'])
      case 'remove-schemas': return this.#removeSchemas(update['schema-ids'])
      default: return this.#changeKeys(update)
    }
  }

  finish(): TableMetadata {
    const table = this.#table
    if (!this.#changed) return this.#base ?? table
    demand(table['table-uuid'] !== '', () => 'Invalid table uuid: null')
    demand(table.location !== '', () => 'Invalid table location: null')
    const schema = schemaById(table, table['current-schema-id'])
    demand(schema !== undefined, () => `Cannot find current schema ${table['current-schema-id']}`)
    const spec = specById(table, table['default-spec-id'])
    demand(spec !== undefined, () => `Cannot find default partition spec ${table['default-spec-id']}`)
    const order = table['sort-orders'].find(other => other['order-id'] === table['default-sort-order-id'])
    demand(order !== undefined, () => `Cannot find default sort order ${table['default-sort-order-id']}`)
    checkSpec(spec, schema)
    checkSortOrder(order, schema)
    table['last-updated-ms'] = Math.max(this.#updatedMs, table['snapshot-log'].at(-1)?.['timestamp-ms'] ?? 0)
    if (this.#removedSnapshots || this.#passedSnapshots.size > 0) table['snapshot-log'] = finishSnapshotLog(table, this.#intermediateSnapshots(), this.#removedSnapshots)
    if (this.#base !== null) table['metadata-log'] = nextMetadataLog(this.#base, this.#context.baseLocation ?? null, table.properties)
    if (table['format-version'] === 1) {
      // Readers of v1 take these two, not the lists.
      table.schema = schema
      table['partition-spec'] = spec.fields
    } else {
      delete table.schema
      delete table['partition-spec']
    }
    return table
  }

  #set(change: boolean, make: () => void): void {
    if (!change) return
    make()
    this.#changed = true
  }

  #assignUuid(uuid: string): void {
    if (this.#table['table-uuid'] === uuid) return
    demand(this.#base === null, () => `Cannot reassign uuid of a table: it is ${this.#table['table-uuid']}, not ${uuid}`)
    this.#set(true, () => { this.#table['table-uuid'] = uuid })
  }

  #upgrade(version: number): void {
    const table = this.#table
    demand(version <= formatVersionMax, () => `Cannot upgrade table to unsupported format version: v${version} (supported: v${formatVersionMax})`)
    demand(version >= table['format-version'], () => `Cannot downgrade v${table['format-version']} table to v${version}`)
    this.#set(version !== table['format-version'], () => {
      table['format-version'] = version
      if (version >= 3) table['next-row-id'] ??= 0n
    })
  }

  #addSchema(given: Schema): void {
    const table = this.#table
    checkSchema(given, table['format-version'])
    const known = table.schemas.find(schema => equalSchemas(schema, given))
    if (known !== undefined) {
      const id = known['schema-id'] ?? 0
      this.#lastSchemaId = this.#addedSchemas.has(id) ? id : null
      return
    }
    const id = table.schemas.reduce((next, schema) => Math.max(next, (schema['schema-id'] ?? 0) + 1), Math.max(table['current-schema-id'], 0))
    table.schemas = [...table.schemas, sealJson({ ...given, 'type': 'struct', 'schema-id': id } satisfies Schema)]
    table['last-column-id'] = Math.max(table['last-column-id'], highestFieldId(given))
    this.#addedSchemas.add(id)
    this.#lastSchemaId = id
    this.#changed = true
  }

  #setCurrentSchema(wanted: number): void {
    const id = wanted === lastAdded ? this.#lastSchemaId : wanted
    demand(id !== null, () => 'Cannot set last added schema: no schema has been added')
    demand(schemaById(this.#table, id) !== undefined, () => `Cannot set current schema to unknown schema: ${id}`)
    this.#set(this.#table['current-schema-id'] !== id, () => { this.#table['current-schema-id'] = id })
  }

  #addSpec(given: PartitionSpec): void {
    const table = this.#table
    const known = table['partition-specs'].find(spec => equalSpecs(spec, given))
    if (known !== undefined) {
      this.#lastSpecId = this.#addedSpecs.has(known['spec-id']) ? known['spec-id'] : null
      return
    }
    const schema = schemaById(table, table['current-schema-id'])
    demand(schema !== undefined, () => 'Cannot add a partition spec before a current schema is set')
    checkSpec(given, schema)
    const id = table['partition-specs'].reduce((next, spec) => Math.max(next, spec['spec-id'] + 1), 0)
    const fields = this.#identifyPartitionFields(given.fields)
    table['partition-specs'] = [...table['partition-specs'], { 'spec-id': id, fields }]
    table['last-partition-id'] = fields.reduce((last, field) => Math.max(last, field['field-id']), Math.max(table['last-partition-id'], partitionIdBase))
    this.#addedSpecs.add(id)
    this.#lastSpecId = id
    this.#changed = true
  }

  /** Fields that come without an id get the one that the same source and transform had before, or a new one. */
  #identifyPartitionFields(fields: readonly (Omit<PartitionField, 'field-id'> & { 'field-id'?: number })[]): PartitionField[] {
    const table = this.#table
    let last = Math.max(table['last-partition-id'], partitionIdBase, ...fields.map(field => field['field-id'] ?? 0))
    const known = table['partition-specs'].flatMap(spec => spec.fields)
    const used = new Set<number>()
    return fields.map(field => {
      const before = known.find(other => other['source-id'] === field['source-id'] && other.transform === field.transform)
      const id = field['field-id'] ?? before?.['field-id'] ?? ++last
      demand(!used.has(id), () => `Cannot use field id more than once in one PartitionSpec: ${id}`)
      used.add(id)
      return { ...field, 'field-id': id }
    })
  }

  #setDefaultSpec(wanted: number): void {
    const id = wanted === lastAdded ? this.#lastSpecId : wanted
    demand(id !== null, () => 'Cannot set last added spec: no spec has been added')
    demand(specById(this.#table, id) !== undefined, () => `Cannot set default partition spec to unknown spec: ${id}`)
    this.#set(this.#table['default-spec-id'] !== id, () => { this.#table['default-spec-id'] = id })
  }

  #addOrder(given: SortOrder): void {
    const table = this.#table
    const known = table['sort-orders'].find(order => equalOrders(order, given))
    if (known !== undefined) {
      this.#lastOrderId = this.#addedOrders.has(known['order-id']) ? known['order-id'] : null
      return
    }
    const schema = schemaById(table, table['current-schema-id'])
    demand(schema !== undefined, () => 'Cannot add a sort order before a current schema is set')
    checkSortOrder(given, schema)
    const id = given.fields.length === 0 ? 0 : table['sort-orders'].reduce((next, order) => Math.max(next, order['order-id'] + 1), 1)
    table['sort-orders'] = [...table['sort-orders'], { 'order-id': id, 'fields': given.fields }]
    this.#addedOrders.add(id)
    this.#lastOrderId = id
    this.#changed = true
  }

  #setDefaultOrder(wanted: number): void {
    const id = wanted === lastAdded ? this.#lastOrderId : wanted
    demand(id !== null, () => 'Cannot set last added sort order: no sort order has been added')
    demand(this.#table['sort-orders'].some(order => order['order-id'] === id), () => `Cannot set default sort order to unknown order: ${id}`)
    this.#set(this.#table['default-sort-order-id'] !== id, () => { this.#table['default-sort-order-id'] = id })
  }

  #addSnapshot(snapshot: AnySnapshot): void {
    const table = this.#table
    const id = snapshot['snapshot-id']
    const sequenceNumber = (snapshot as Partial<Snapshot>)['sequence-number'] ?? 0n
    const lastSequenceNumber = table['last-sequence-number']
    demand(table.schemas.length > 0, () => 'Attempting to add a snapshot before a schema is added')
    demand(table['partition-specs'].length > 0, () => 'Attempting to add a snapshot before a partition spec is added')
    demand(table['sort-orders'].length > 0, () => 'Attempting to add a snapshot before a sort order is added')
    demand(id >= 0n, () => `Invalid snapshot id: ${id}`)
    demand(table['format-version'] === 1 || sequenceNumber > 0n, () => `Cannot add snapshot ${id} without a sequence number`)
    demand(snapshotById(table, id) === undefined, () => `Snapshot already exists for id: ${id}`)
    demand(snapshot['schema-id'] === undefined || schemaById(table, snapshot['schema-id']) !== undefined, () => `Cannot add snapshot ${id} with unknown schema: ${snapshot['schema-id']}`)
    // A snapshot without a parent is the first of a replaced table: it may have been staged on an older base.
    const replaces = snapshot['parent-snapshot-id'] === undefined && table['current-snapshot-id'] === -1n
    if (table['format-version'] > 1 && sequenceNumber <= lastSequenceNumber && !replaces) {
      throw new ChangeRefused('conflict', `Cannot add snapshot with sequence number ${sequenceNumber} older than last sequence number ${lastSequenceNumber}`)
    }
    const last = table['snapshot-log'].at(-1)
    demand(last === undefined || snapshot['timestamp-ms'] - last['timestamp-ms'] >= -clockSkewMsMax,
      () => `Invalid snapshot timestamp ${snapshot['timestamp-ms']}: before last snapshot timestamp ${last?.['timestamp-ms']}`)
    if (table['format-version'] >= 3) this.#takeRowIds(snapshot)
    if (sequenceNumber > lastSequenceNumber) table['last-sequence-number'] = sequenceNumber
    table.snapshots = [...table.snapshots, sealJson(snapshot)]
    this.#addedSnapshots.add(id)
    this.#changed = true
  }

  #takeRowIds(snapshot: AnySnapshot): void {
    const next = this.#table['next-row-id'] ?? 0n
    const first = snapshot['first-row-id']
    demand(first !== undefined, () => 'Cannot add a snapshot: first-row-id is null')
    if (first < next) throw new ChangeRefused('conflict', `Cannot add a snapshot, first-row-id is behind table next-row-id: ${first} < ${next}`)
    this.#table['next-row-id'] = next + BigInt(snapshot['added-rows'] ?? 0)
  }

  #setRef(name: string, ref: SnapshotRef): void {
    const table = this.#table
    const before = table.refs[name]
    if (before !== undefined && printJson(refOf(before)) === printJson(ref)) return
    const id = ref['snapshot-id']
    const snapshot = snapshotById(table, id)
    demand(snapshot !== undefined, () => `Cannot set ${name} to unknown snapshot: ${id}`)
    demand(name !== mainBranch || ref.type === 'branch', () => `Cannot set ${mainBranch} to a tag, it must be a branch`)
    demand(ref.type === 'branch' || (ref['min-snapshots-to-keep'] === undefined && ref['max-snapshot-age-ms'] === undefined), () => 'Tags do not support setting minSnapshotsToKeep or maxSnapshotAgeMs')
    for (const bound of ['min-snapshots-to-keep', 'max-snapshot-age-ms', 'max-ref-age-ms'] as const) {
      demand(ref[bound] === undefined || ref[bound] > 0, () => `${bound} of ${name} must be greater than 0`)
    }
    if (name === mainBranch) {
      table['current-snapshot-id'] = id
      // A rollback counts from now; a new snapshot from its own time.
      const added = this.#addedSnapshots.has(id)
      const timestampMs = added ? snapshot['timestamp-ms'] : Math.max(this.#updatedMs, table['snapshot-log'].at(-1)?.['timestamp-ms'] ?? 0)
      table['snapshot-log'] = [...table['snapshot-log'], sealJson({ 'timestamp-ms': timestampMs, 'snapshot-id': id })]
      if (added) this.#passedSnapshots.add(id)
    }
    table.refs[name] = ref
    this.#changed = true
  }

  #removeRef(name: string): void {
    if (name === mainBranch) this.#table['current-snapshot-id'] = -1n
    this.#set(this.#table.refs[name] !== undefined, () => { delete this.#table.refs[name] })
  }

  #removeSnapshots(given: readonly bigint[]): void {
    const table = this.#table
    const ids = new Set(given)
    const kept = table.snapshots.filter(snapshot => !ids.has(snapshot['snapshot-id']))
    if (kept.length === table.snapshots.length) return
    for (const [name, ref] of Object.entries(table.refs)) {
      if (!ids.has(ref['snapshot-id'])) continue
      // Iceberg's library drops such a reference in silence: a tag made since the sender looked would be gone.
      if (!this.#namedRefs.has(name)) throw new ChangeRefused('conflict', `Cannot remove snapshot ${ref['snapshot-id']}: ${ref.type} ${name} refers to it and is not part of this change`)
      this.#removeRef(name)
    }
    table.snapshots = kept
    for (const member of ['statistics', 'partition-statistics'] as const) {
      table[member] = table[member].filter(file => !ids.has(snapshotOf(file)))
    }
    this.#removedSnapshots = true
    this.#changed = true
  }

  #setStatistics(member: 'statistics' | 'partition-statistics', file: unknown): void {
    const id = snapshotOf(file)
    this.#table[member] = [...this.#table[member].filter(other => snapshotOf(other) !== id), file]
    this.#changed = true
  }

  #removeStatistics(member: 'statistics' | 'partition-statistics', id: bigint): void {
    const kept = this.#table[member].filter(file => snapshotOf(file) !== id)
    this.#set(kept.length < this.#table[member].length, () => { this.#table[member] = kept })
  }

  #removeSpecs(ids: readonly number[]): void {
    const table = this.#table
    demand(!ids.includes(table['default-spec-id']), () => 'Cannot remove the default partition spec')
    this.#set(ids.length > 0, () => { table['partition-specs'] = table['partition-specs'].filter(spec => !ids.includes(spec['spec-id'])) })
  }

  #removeSchemas(ids: readonly number[]): void {
    const table = this.#table
    demand(!ids.includes(table['current-schema-id']), () => 'Cannot remove the current schema')
    this.#set(ids.length > 0, () => { table.schemas = table.schemas.filter(schema => !ids.includes(schema['schema-id'] ?? 0)) })
  }

  /** Encryption keys are kept for their readers and not looked into. */
  #changeKeys(update: never): void {
    const { action, 'encryption-key': key, 'key-id': id } = update as { 'action': string, 'encryption-key'?: { 'key-id': string }, 'key-id'?: string }
    const keys = this.#table['encryption-keys'] ?? []
    const wanted = key?.['key-id'] ?? id
    const known = keys.some(other => other['key-id'] === wanted)
    if (action === 'add-encryption-key' && key !== undefined) return this.#set(!known, () => { this.#table['encryption-keys'] = [...keys, key] })
    demand(action === 'remove-encryption-key', () => `Cannot parse metadata update: unknown action ${action}`)
    this.#set(known, () => { this.#table['encryption-keys'] = keys.filter(other => other['key-id'] !== wanted) })
  }

  /** Made current in this change, and then replaced: nobody ever saw them as current. */
  #intermediateSnapshots(): Set<bigint> {
    const current = this.#table['current-snapshot-id']
    return new Set([...this.#passedSnapshots].filter(id => id !== current))
  }
}

function emptyTable(updates: readonly Update[]): AnyMetadata {
  const version = updates.find(update => update.action === 'upgrade-format-version')?.['format-version'] ?? formatVersionDefault
  demand(version >= 1 && version <= formatVersionMax, () => `Unsupported format version: v${version} (supported: v${formatVersionMax})`)
  return {
    'format-version': version, 'table-uuid': '', 'location': '', 'last-sequence-number': 0n, 'last-updated-ms': 0, 'last-column-id': 0,
    'current-schema-id': -1, 'schemas': [], 'default-spec-id': -1, 'partition-specs': [], 'last-partition-id': partitionIdBase,
    'default-sort-order-id': -1, 'sort-orders': [], 'properties': {}, 'current-snapshot-id': -1n, 'refs': {}, 'snapshots': [],
    'statistics': [], 'partition-statistics': [], 'snapshot-log': [], 'metadata-log': [], ...(version >= 3 ? { 'next-row-id': 0n } : {})
  }
}

function refOf(update: SnapshotRef): SnapshotRef {
  const bound = (name: 'min-snapshots-to-keep' | 'max-snapshot-age-ms' | 'max-ref-age-ms') => (update[name] ?? null) === null ? {} : { [name]: update[name] }
  return { 'snapshot-id': update['snapshot-id'], 'type': update.type, ...bound('min-snapshots-to-keep'), ...bound('max-snapshot-age-ms'), ...bound('max-ref-age-ms') }
}

function snapshotOf(file: unknown): bigint {
  return BigInt((file as { 'snapshot-id': bigint })['snapshot-id'])
}
