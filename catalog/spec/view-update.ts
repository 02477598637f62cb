/**
 * Changes to view metadata: what each update of the REST specification makes of a view, as Iceberg's own library does it.
 *
 * A version is never changed; equal versions and schemas are reused. The bound `version.history.num-entries` drops the oldest versions,
 * never the current one nor those that this change adds, and history before a dropped version goes with it.
 */
import { printJson } from './json.ts'
import { demand } from './refused.ts'
import { sameSchema } from './schema.ts'
import type { Schema } from './types.ts'
import type { ViewMetadata, ViewUpdate, ViewVersion } from './view-types.ts'

const versionsKept = 10
const lastAdded = -1

/** Applies updates in order. Returns `base` itself when nothing changed. Throws ChangeRefused. */
export function applyViewUpdates(base: ViewMetadata | null, updates: readonly ViewUpdate[], context: { nowMs: number, uuid: string }): ViewMetadata {
  const draft = new ViewDraft(base, context)
  for (const update of updates) draft.apply(update)
  return draft.finish()
}

class ViewDraft {
  readonly #base: ViewMetadata | null
  readonly #nowMs: number
  readonly #view: ViewMetadata
  readonly #addedVersions = new Set<number>()
  #uuid: string | null
  #lastSchemaId: number | null = null
  #lastVersionId: number | null = null
  #historyEntry: ViewMetadata['version-log'][number] | null = null
  #changed: boolean

  constructor(base: ViewMetadata | null, context: { nowMs: number, uuid: string }) {
    this.#base = base
    this.#nowMs = context.nowMs
    this.#uuid = base?.['view-uuid'] ?? null
    this.#changed = base === null
    this.#view = base === null
      ? { 'view-uuid': context.uuid, 'format-version': 1, 'location': '', 'schemas': [], 'current-version-id': 0, 'versions': [], 'version-log': [], 'properties': {} }
      : { ...base, schemas: [...base.schemas], versions: [...base.versions], 'version-log': [...base['version-log']], properties: { ...base.properties } }
  }

  apply(update: ViewUpdate): void {
    const view = this.#view
    switch (update.action) {
      case 'assign-uuid':
        demand(this.#uuid === null || this.#uuid === update.uuid, () => 'Cannot reassign uuid')
        if (this.#uuid === update.uuid) return
        this.#uuid = view['view-uuid'] = update.uuid
        break
      case 'upgrade-format-version':
        demand(update['format-version'] === 1, () => `Unsupported view format version: ${update['format-version']}`)
        return
      case 'add-schema': return this.#addSchema(update.schema)
      case 'set-location':
        if (view.location === update.location) return
        view.location = update.location
        break
      case 'set-properties':
        if (Object.keys(update.updates).length === 0) return
        Object.assign(view.properties, update.updates)
        break
      case 'remove-properties':
        if (update.removals.length === 0) return
        for (const name of update.removals) delete view.properties[name]
        break
      case 'add-view-version': return this.#addVersion(update['view-version'])
      case 'set-current-view-version': return this.#setCurrent(update['view-version-id'])
    }
    this.#changed = true
  }

  finish(): ViewMetadata {
    const view = this.#view
    if (!this.#changed) return this.#base ?? view
    demand(view.location !== '', () => 'Invalid view location: null')
    demand(view.versions.length > 0, () => 'Invalid view: no versions were added')
    const current = view.versions.find(version => version['version-id'] === view['current-version-id'])
    demand(current !== undefined, () => `Cannot find current version ${view['current-version-id']} in view versions`)
    if (this.#historyEntry !== null) view['version-log'].push(this.#historyEntry)
    this.#refuseLostDialects(current)
    this.#dropOldVersions(current)
    return view
  }

  #addSchema(schema: Schema): void {
    const known = this.#view.schemas.find(other => sameSchema(other, schema))
    if (known !== undefined) {
      this.#lastSchemaId = known['schema-id'] ?? 0
      return
    }
    const id = this.#view.schemas.reduce((next, other) => Math.max(next, (other['schema-id'] ?? 0) + 1), 0)
    this.#view.schemas.push({ ...schema, 'schema-id': id })
    this.#lastSchemaId = id
    this.#changed = true
  }

  #addVersion(given: ViewVersion): void {
    const view = this.#view
    const known = view.versions.find(other => sameVersion(other, given))
    if (known !== undefined) {
      this.#lastVersionId = this.#addedVersions.has(known['version-id']) ? known['version-id'] : null
      return
    }
    const id = view.versions.reduce((next, other) => other['version-id'] >= next ? other['version-id'] + 1 : next, given['version-id'])
    let schemaId = given['schema-id']
    if (schemaId === lastAdded) {
      demand(this.#lastSchemaId !== null, () => 'Cannot set last added schema: no schema has been added')
      schemaId = this.#lastSchemaId
    }
    demand(view.schemas.some(schema => (schema['schema-id'] ?? 0) === schemaId), () => `Cannot add version with unknown schema: ${schemaId}`)
    const dialects = new Set<string>()
    for (const dialect of dialectsOf(given)) {
      demand(!dialects.has(dialect), () => `Invalid view version: Cannot add multiple queries for dialect ${dialect}`)
      dialects.add(dialect)
    }
    view.versions.push({ ...given, 'version-id': id, 'schema-id': schemaId })
    this.#addedVersions.add(id)
    this.#lastVersionId = id
    this.#changed = true
  }

  #setCurrent(wanted: number): void {
    const view = this.#view
    if (wanted === lastAdded) demand(this.#lastVersionId !== null, () => 'Cannot set last version id: no current version id has been set')
    const id = wanted === lastAdded ? this.#lastVersionId as number : wanted
    if (view['current-version-id'] === id) return
    const version = view.versions.find(other => other['version-id'] === id)
    demand(version !== undefined, () => `Cannot set current version to unknown version: ${id}`)
    view['current-version-id'] = id
    this.#historyEntry = { 'timestamp-ms': this.#addedVersions.has(id) ? version['timestamp-ms'] : this.#nowMs, 'version-id': id }
    this.#changed = true
  }

  #refuseLostDialects(current: ViewVersion): void {
    const base = this.#base
    if (base === null || this.#view.properties['replace.drop-dialect.allowed'] === 'true') return
    const previous = base.versions.find(version => version['version-id'] === base['current-version-id'])
    if (previous === undefined) return
    const before = dialectsOf(previous)
    const after = dialectsOf(current)
    demand(before.every(dialect => after.includes(dialect)), () => 'Cannot replace view due to loss of view dialects (replace.drop-dialect.allowed=false):\n' +
      `Previous dialects: [${before.join(', ')}]\nNew dialects: [${after.join(', ')}]`)
  }

  #dropOldVersions(current: ViewVersion): void {
    const view = this.#view
    const text = view.properties['version.history.num-entries']
    const wanted = text === undefined ? versionsKept : Number(text)
    demand(Number.isInteger(wanted) && wanted > 0, () => `version.history.num-entries must be positive but was ${text}`)
    const count = Math.max(wanted, new Set([...this.#addedVersions, view['current-version-id']]).size)
    if (view.versions.length <= count) return
    const newestFirst = view.versions.filter(version => version !== current).sort((left, right) => right['version-id'] - left['version-id'])
    view.versions = [current, ...newestFirst.slice(0, count - 1)]
    const kept = new Set(view.versions.map(version => version['version-id']))
    const broken = view['version-log'].findLastIndex(entry => !kept.has(entry['version-id']))
    view['version-log'] = view['version-log'].slice(broken + 1)
  }
}

function sameVersion(left: ViewVersion, right: ViewVersion): boolean {
  const key = (version: ViewVersion) => printJson([Object.entries(version.summary).sort(), version.representations.map(representation => Object.entries(representation).sort()),
    version['default-catalog'] ?? null, version['default-namespace'], version['schema-id']])
  return key(left) === key(right)
}

function dialectsOf(version: ViewVersion): string[] {
  return version.representations.filter(({ type }) => type === 'sql').map(({ dialect }) => String(dialect).toLowerCase())
}
