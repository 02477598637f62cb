// A shop's history as rows of `events`, made inside DuckDB and appended as another engine would: sessions of pages, orders,
// payments and customers, spread evenly over a time. Eighteen columns are filled, the others are null. What a row is follows
// from its number alone, so a second history of other numbers goes on where the first one ended.

import type { DuckDBConnection } from '@duckdb/node-api'
import { DuckDBInstance } from '../../catalog/index.ts'
import {
  commitSnapshot, copyToDataFile, createSnapshotId, currentSchema, dataFileLocation, duckdbType, stageAppend, type Catalog, type DataFile,
  type LoadedTable, type PartitionSpec, type Schema, type Storage
} from '../../catalog/index.ts'

export const eventsId = { namespace: ['firn'], name: 'events' }

export interface History {
  readonly from: number
  readonly count: number
  /** When the first and the last happen, milliseconds since the epoch. */
  readonly fromMs: number
  readonly toMs: number
}

/** A visit has twenty events; one visit in five ends with an order and its payment. */
const typeSql = `case n % 20
  when 0 then 'page_view' when 5 then 'search' when 9 then 'add_to_cart' when 13 then 'add_to_cart'
  when 15 then if(n // 20 % 5 < 2, 'checkout_started', 'product_view')
  when 16 then if(n // 20 % 5 = 0, 'order_created', 'product_view')
  when 17 then if(n // 20 % 5 = 0, 'payment_captured', 'page_view')
  when 18 then if(n // 20 % 50 = 0, 'order_cancelled', 'product_view')
  when 19 then if(n // 20 % 100 = 0, 'customer_created', 'page_view')
  else 'product_view' end`
const values: Readonly<Record<string, string>> = {
  event_id: "'h-' || n",
  event_type: 'event_type',
  event_time: 'event_time',
  received_at: 'event_time + interval 200 milliseconds',
  committed_at: 'event_time + interval 4 seconds',
  session_id: "'s-' || n // 20",
  user_id: "'u-' || customer",
  customer_id: "if(event_type[1:5] = 'order' or event_type[1:5] = 'custo', 'u-' || customer, null)",
  order_id: "if(event_type[1:5] in ('order', 'payme'), 'o-' || n // 20, null)",
  payment_id: "if(event_type = 'payment_captured', 'p-' || n // 20, null)",
  product_id: "if(event_type in ('product_view', 'add_to_cart', 'order_created'), 'product-' || n // 20 * 7919 % 120, null)",
  product_name: "if(event_type = 'order_created', 'Product ' || n // 20 * 7919 % 120, null)",
  category: "if(event_type in ('product_view', 'order_created'), 'category-' || n // 20 % 12, null)",
  quantity: "if(event_type in ('add_to_cart', 'order_created'), 1 + n // 20 % 3, null)",
  unit_price: "if(event_type in ('product_view', 'order_created'), 5 + n // 20 * 31 % 200, null)",
  amount: "if(event_type[1:5] in ('order', 'payme'), (1 + n // 20 % 3) * (5 + n // 20 * 31 % 200), null)",
  currency: "if(event_type[1:5] in ('order', 'payme'), 'USD', null)",
  order_status: "if(event_type = 'order_created', 'NEW', if(event_type = 'order_cancelled', 'CANCELLED', null))",
  region: "if(event_type[1:5] = 'order', 'europe', null)",
  utm_campaign: "if(n // 20 % 3 = 0, 'campaign-' || n // 20 % 8, null)",
  ip: "'10.' || customer % 200 || '.' || customer // 200 % 250 || '.7'",
  log_topic: "'elsewhere'",
  log_partition: '0',
  log_offset: 'n'
}

/** Appends a history in one commit, one file a partition. Returns the table then. */
export async function appendHistory (lake: { catalog: Catalog, storage: Storage }, history: History): Promise<LoadedTable> {
  const table = await lake.catalog.loadTable(eventsId)
  const schema = currentSchema(table.metadata)
  const spec = table.metadata['partition-specs'].find(spec => spec['spec-id'] === table.metadata['default-spec-id'])!
  const db = await (await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '2GB' })).connect()
  await db.run("set TimeZone = 'UTC'")
  try {
    const files = await writeFiles(db, lake.storage, table, schema, spec, history)
    const snapshotId = createSnapshotId(table.metadata)
    const outcome = await commitSnapshot({ ...lake, table }, snapshotId, async base => await stageAppend(lake, base, { snapshotId, files }))
    if (outcome.kind !== 'landed') throw new Error(`the history could not be appended: ${outcome.kind}`)
    return outcome.table
  } finally {
    db.closeSync()
  }
}

async function writeFiles (db: DuckDBConnection, storage: Storage, table: LoadedTable, schema: Schema, spec: PartitionSpec, { from, count, fromMs, toMs }: History): Promise<DataFile[]> {
  const usPerEvent = Math.floor((toMs - fromMs) * 1000 / count)
  await db.run(`create table rows as select n, ${typeSql} as event_type, hash(n // 20) % 50000 as customer, make_timestamptz(${fromMs * 1000}::bigint + (n - ${from}) * ${usPerEvent}) as event_time from range(${from}, ${from + count}) r(n)`)
  const groups = (await db.runAndReadAll("select event_type, date_diff('day', date '1970-01-01', event_time::date) from rows group by all order by all")).getRows() as [string, bigint][]
  const columns = schema.fields.map(field => `(${values[field.name] ?? 'null'})::${duckdbType(field.type)} as "${field.name}"`).join(', ')
  const files: DataFile[] = []
  for (const [eventType, days] of groups) {
    const partition = Object.fromEntries(spec.fields.map(({ name }) => [name, name === 'event_date' ? Number(days) : eventType]))
    const location = dataFileLocation(table.metadata, partition, `history-${from}-${eventType}-${days}.parquet`)
    const select = `select ${columns} from rows where event_type = '${eventType}' and event_time::date = date '1970-01-01' + ${days}::int`
    files.push(await copyToDataFile(db, storage, table, { select, partition, location }))
  }
  await storage.makeDurable(files.map(file => file.location))
  return files
}
