// For tests: another engine's hands on the tables of a started line: commits of metadata alone, on whatever is there.

import { currentSchema, listFields, type NestedField, type Update } from '../catalog/index.ts'
import { pageView, type Line } from './started-line.ts'
import { eventsId, lettersId } from './tables.ts'

export type TableName = 'events' | 'dead_letters'

export const full = { url: 'https://a/1', referrer: 'https://r/1', title: 'T', user_id: 'u-älpha', location: { country: 'DE', city: 'Bonn' }, properties: { k: 1 } }
export const order = (id: string, more: object = {}): string => pageView(id, { event_type: 'order_created', order_id: `o-${id}`, quantity: 3, unit_price: '4.45', region: 'EU', ...more })

export async function change (line: Line, name: TableName, updates: (table: Awaited<ReturnType<Line['table']>>) => Update[]): Promise<void> {
  const table = await line.table(name)
  const reply = await line.catalog.commitTable(name === 'events' ? eventsId : lettersId, { requirements: [], updates: updates(table) })
  if (reply.kind !== 'landed') throw new Error(`the other engine's change did not land: ${JSON.stringify(reply)}`)
}

export const setFields = async (line: Line, edit: (fields: readonly NestedField[], nextId: number) => NestedField[], name: TableName = 'events'): Promise<void> => {
  await change(line, name, ({ metadata }) => {
    const schema = currentSchema(metadata)
    return [{ 'action': 'add-schema', 'schema': { ...schema, fields: edit(schema.fields, metadata['last-column-id'] + 1) } }, { 'action': 'set-current-schema', 'schema-id': -1 }]
  })
}

export const setSpec = async (line: Line, terms: readonly [path: string, transform: string, name: string][], name: TableName = 'events'): Promise<void> => {
  await change(line, name, ({ metadata }) => {
    const fields = listFields(currentSchema(metadata))
    return [
      { 'action': 'add-spec', 'spec': { 'spec-id': -1, 'fields': terms.map(([path, transform, field], i) => ({ 'source-id': fields.find(one => one.path.join('.') === path)!.field.id, 'field-id': metadata['last-partition-id'] + 1 + i, 'name': field, transform })) } },
      { 'action': 'set-default-spec', 'spec-id': -1 }
    ]
  })
}

export const rename = (from: string, to: string) => (fields: readonly NestedField[]): NestedField[] => fields.map(field => field.name === from ? { ...field, name: to } : field)
export const drop = (name: string) => (fields: readonly NestedField[]): NestedField[] => fields.filter(field => field.name !== name)
