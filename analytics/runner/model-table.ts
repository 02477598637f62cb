// The table of a model: made from its header, grown when the header grows, refused by name when the two no longer fit.
// What other engines change is followed: columns by their field ids, partitioning by whatever spec they set. Only --full
// drops it and makes it anew.

import { currentSchema, decideLayout, isCatalogError, judgeBase, keepOwnColumns, ownColumnsOf, partitionSpecOf, schemaOfColumns, type Catalog, type FileLayout, type LoadedTable, type PartitionSpec, type Schema, type Storage, type TableIdentifier } from '../../catalog/index.ts'
import { fail } from '../errors.ts'
import type { Model, PartitionTerm } from '../models/model-file.ts'

export const modelNamespace = ['analytics']

const properties = {
  'write.metadata.delete-after-commit.enabled': 'true',
  'write.metadata.previous-versions-max': '20',
  'write.parquet.compression-codec': 'zstd',
  'write.metadata.metrics.default': 'truncate(16)'
}

export function identifierOf (model: Pick<Model, 'name'>): TableIdentifier {
  return { namespace: modelNamespace, name: model.name }
}

export function tableNameOf (model: Pick<Model, 'name'>): string {
  return `analytics.${model.name}`
}

/** The table with every column of the header. Throws MODEL_TABLE_UNFIT. */
export async function openModelTable (catalog: Catalog, storage: Storage, model: Model, found: LoadedTable | null): Promise<LoadedTable> {
  const table = found ?? await createModelTable(catalog, model)
  refuseUnfit(table, model)
  const kept = await keepOwnColumns({ catalog, storage, table }, columnsOf(model))
  layoutOfModel(kept, model)
  return kept
}

/** How files for the table have to look. Throws MODEL_TABLE_UNFIT, or MODEL_CONFLICT when it has to be opened anew first. */
export function layoutOfModel (table: LoadedTable, model: Model): FileLayout {
  const decided = decideLayout(table.metadata, columnsOf(model))
  if (decided.kind === 'fits') return decided.layout
  if (decided.kind === 'halt') throw fail('MODEL_TABLE_UNFIT', { model: model.name, reason: `${decided.reason}. What helps: ${decided.advice}` })
  throw fail('MODEL_CONFLICT', { model: model.name, reason: decided.changes.join(', ') })
}

/** Why files that were written for `table` may not be committed to `base`; null when they may. */
export function differsFrom (table: LoadedTable, base: LoadedTable, model: Model): string | null {
  const judged = judgeBase(table.metadata, base.metadata, columnsOf(model))
  if (judged.kind === 'same') return null
  return judged.kind === 'halt' ? judged.reason : `another engine changed ${judged.changes.join(', ')}`
}

export async function dropModelTable (catalog: Catalog, model: Model): Promise<void> {
  await catalog.dropTable(identifierOf(model)).catch((error: unknown) => {
    if (!isCatalogError(error, 'CATALOG_NO_SUCH_TABLE')) throw error
  })
}

async function createModelTable (catalog: Catalog, model: Model): Promise<LoadedTable> {
  await catalog.ensureNamespace(modelNamespace)
  const schema = schemaOfColumns(columnsOf(model))
  const sourceId = (column: string): number => schema.fields.find(({ name }) => name === column)!.id
  try {
    return await catalog.createTable(identifierOf(model), {
      schema,
      'partition-spec': partitionSpecOf(schema, model.partition.map(termOf)),
      ...model.sort.length === 0 ? {} : { 'write-order': { 'order-id': 1, 'fields': model.sort.map(column => ({ 'transform': 'identity', 'source-id': sourceId(column), 'direction': 'asc' as const, 'null-order': 'nulls-last' as const })) } },
      properties: { ...properties, ...ownColumnsOf(schema), comment: model.question }
    })
  } catch (error) {
    if (isCatalogError(error, 'CATALOG_ALREADY_EXISTS')) return await catalog.loadTable(identifierOf(model))
    throw error
  }
}

/** The header against what the table was made with: a spec that another engine set since is followed. */
function refuseUnfit ({ metadata }: LoadedTable, model: Model): void {
  const spec = metadata['partition-specs'].find(({ 'spec-id': id }) => id === 0)
  const schema = metadata.schemas.find(one => (one['schema-id'] ?? 0) === 0) ?? currentSchema(metadata)
  if (spec === undefined) return
  const wanted = model.partition.map(termOf)
  const [is, should] = [printSpec(spec, schema), wanted.map(({ transform, column }) => `${transform} of ${column}`).join(', ')]
  if (is !== should) throw fail('MODEL_TABLE_UNFIT', { model: model.name, reason: `it is partitioned by ${is || 'nothing'} and the header says ${should || 'nothing'}` })
}

function printSpec (spec: PartitionSpec, schema: Schema): string {
  return spec.fields.map(field => `${field.transform} of ${schema.fields.find(({ id }) => id === field['source-id'])?.name ?? '?'}`).join(', ')
}

function termOf ({ transform, column, count }: PartitionTerm): { transform: string, column: string } {
  return { transform: count === undefined ? transform : `${transform}[${count}]`, column }
}

function columnsOf (model: Model): { name: string, type: string, doc: string }[] {
  return model.columns.map(({ name, type, doc }) => ({ name, type: type.replace(/^decimal\((\d+),(\d+)\)$/, 'decimal($1, $2)'), doc }))
}
