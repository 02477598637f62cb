// DuckDB as the judge that the others are compared with: the same questions through our own catalog and scan.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { DuckDBInstance, bringFiles, connectCatalog, duckdbScan, openStorage, scanFiles, type TableIdentifier, type TableMetadata } from '../../catalog/index.ts'
import type { Line } from '../line.ts'
import { canonicalSql, toSql, type LeafColumn, type Question } from './question.ts'

/** The leaf columns of the current schema, nested ones by path. */
export function leafColumnsOf (metadata: TableMetadata): LeafColumn[] {
  const schema = metadata.schemas.find(s => s['schema-id'] === metadata['current-schema-id'])
  const leaves: LeafColumn[] = []
  const walk = (fields: NonNullable<typeof schema>['fields'], prefix: string): void => {
    for (const { name, type } of fields) {
      if (typeof type === 'object' && type.type === 'struct') walk(type.fields, `${prefix}${name}.`)
      else if (typeof type !== 'string') throw new Error(`no canonical form for ${prefix}${name}`)
      else leaves.push({ path: prefix + name, kind: type.startsWith('decimal') ? 'decimal' : type as LeafColumn['kind'] })
    }
  }
  walk(schema?.fields ?? [], '')
  return leaves
}

/** Question name → count; rows go to `<folder>/duckdb-<name>.txt`. */
export async function askDuckDB (line: Line, identifier: TableIdentifier, columns: readonly LeafColumn[], questions: readonly Question[], folder: string): Promise<Map<string, number>> {
  const storage = openStorage(line.warehouseUrl)
  const table = await connectCatalog(line.catalogUrl).loadTable(identifier)
  const db = await connect()
  const counts = new Map<string, number>()
  for (const { name, filter, snapshot, rows } of questions) {
    const { files } = await scanFiles(storage, table, snapshot === null ? {} : { snapshotId: BigInt(snapshot) })
    const release = await bringFiles(table, files, storage)
    const source = `(select * from ${duckdbScan(table, files, storage)})${filter === null ? '' : ` where ${toSql(filter)}`}`
    const counted = await db.runAndReadAll(`select count(*) from ${source}`)
    counts.set(name, Number(counted.getRows()[0]?.[0]))
    if (rows) {
      const result = await db.runAndReadAll(`select ${canonicalSql(columns)} from ${source}`)
      writeFileSync(join(folder, `duckdb-${name}.txt`), result.getRows().map(([text]) => `${String(text)}\n`).join(''))
    }
    await release()
  }
  db.closeSync()
  return counts
}

/** null when both files hold the same lines as multisets; otherwise a sentence with a sample. */
export async function compareRows (ours: string, theirs: string): Promise<string | null> {
  const db = await connect()
  const read = (file: string): string => `select line from read_csv('${file}', columns = {line: 'varchar'}, delim = '\x1e', quote = '', escape = '', header = false, auto_detect = false, max_line_size = 10000000)`
  const sample = async (a: string, b: string): Promise<string[]> =>
    (await db.runAndReadAll(`${read(a)} except all ${read(b)} order by line limit 2`)).getRows().map(([text]) => JSON.stringify(text))
  const [missing, extra] = [await sample(ours, theirs), await sample(theirs, ours)]
  db.closeSync()
  return missing.length + extra.length === 0 ? null : `it lacks ${missing.join(' ') || 'nothing'} and has ${extra.join(' ') || 'nothing more'}`
}

async function connect (): Promise<DuckDBConnection> {
  const db = await (await DuckDBInstance.create(':memory:')).connect()
  await db.run("set TimeZone = 'UTC'")
  return db
}
