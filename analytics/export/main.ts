// `npm run export -- MODEL --format csv|parquet|txt`: a table's rows as they are now, sorted as the model says. Reads one
// snapshot from our storage, whoever writes meanwhile. The file is made beside its place and moved there when it is whole.

import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { DuckDBInstance, bringFiles, duckdbScan, isCatalogError, openLake, quoteText, scanFiles, type LoadedTable } from '../../catalog/index.ts'
import { complain, endWithReader, exitWhenPrinted, sentenceOf } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import { readModels } from '../models/catalogue.ts'
import { noExtensions } from '../query/duckdb-session.ts'
import { openRows } from '../query/duckdb-rows.ts'
import type { Answer } from '../query/engine.ts'
import { printCsv, printTable, type Write } from '../sql/print.ts'
import { readExportConfig, type ExportConfig } from './config.ts'

endWithReader()

try {
  await main()
} catch (error) {
  complain(`export: ${sentenceOf(error)}`)
  process.exitCode = 1
}
await exitWhenPrinted()

async function main (): Promise<void> {
  const config = readExportConfig()
  const [given, ...more] = config._
  const models = await readModels()
  const known = models.map(({ name }) => name).join(', ')
  if (given === undefined || more.length > 0) throw fail('EXPORT_WHAT', { known })
  if (config.format === 'parquet' && config.out === undefined) throw fail('EXPORT_PARQUET_OUT', { table: given })
  if (config.raw && config.format !== 'csv') throw fail('CSV_RAW', { how: '--format csv --raw' })
  const name = given.includes('.') ? given : `analytics.${given}`
  const { catalog, storage } = openLake(config, { dataDir: resolve(config.FIRN_DATA_DIR) })
  const parts = name.split('.')
  const table = await catalog.loadTable({ namespace: parts.slice(0, -1), name: parts.at(-1)! }).catch((error: unknown): never => {
    if (isCatalogError(error, 'CATALOG_NO_SUCH_TABLE') || isCatalogError(error, 'CATALOG_NO_SUCH_NAMESPACE')) {
      throw models.some(model => `analytics.${model.name}` === name) ? fail('MODEL_NOT_COMPUTED', { model: given }) : fail('MODEL_UNKNOWN', { model: given, known })
    }
    if (isCatalogError(error, 'CATALOG_UNREACHABLE')) throw fail('SQL_CATALOG_AWAY', { url: config.FIRN_CATALOG_URL, reason: error.values.reason ?? 'no answer' }, error)
    throw error
  })
  const model = models.find(model => `analytics.${model.name}` === name)
  const { files } = await scanFiles(storage, table)
  const release = await bringFiles(table, files, storage)
  const order = [...new Set([...model?.sort ?? [], ...model?.key ?? []])]
  await write(config, `select * from ${duckdbScan(table, files, storage)}${order.length === 0 ? '' : ` order by ${order.join(', ')}`}`, table)
  await release()
}

async function write (config: ExportConfig, sql: string, { id }: LoadedTable): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { ...noExtensions, temp_directory: resolve(config.FIRN_DATA_DIR, 'export') })
  const connection = await instance.connect()
  await connection.run("set TimeZone = 'UTC'")
  const part = config.out === undefined ? undefined : `${resolve(config.out)}.part`
  try {
    let rows = 0
    if (config.format === 'parquet') {
      rows = Number((await connection.runAndReadAll(`copy (${sql}) to ${quoteText(part!)} (format parquet, compression zstd)`)).getRows()[0]![0])
    } else {
      const { names, types, chunks } = await openRows(connection, sql)
      const answer: Answer = { names, types, chunks: (async function * () {
        for await (const chunk of chunks) {
          rows += chunk.length
          yield chunk
        }
      })() }
      const { put, end } = sink(part)
      if (config.format === 'csv') await printCsv(answer, put, config)
      else await printTable(answer, put, Number.MAX_SAFE_INTEGER)
      await end()
    }
    if (part !== undefined) {
      await rename(part, resolve(config.out!))
      complain(`${rows} rows of ${[...id.namespace, id.name].join('.')} in ${config.out}`)
    }
  } catch (error) {
    if (part !== undefined) await rm(part, { force: true })
    throw error
  } finally {
    connection.closeSync()
  }
}

function sink (file: string | undefined): { put: Write, end: () => Promise<void> } {
  const stream = file === undefined ? process.stdout : createWriteStream(file)
  let broken: Error | undefined
  if (file !== undefined) stream.on('error', error => { broken = error })
  return {
    async put (text) {
      if (broken !== undefined) throw broken
      if (!stream.write(text)) await Promise.race([once(stream, 'drain'), once(stream, 'error').then(([error]) => { throw error as Error })])
    },
    async end () {
      if (file === undefined) return
      await new Promise<void>((resolve, reject) => { stream.once('error', reject); stream.end(() => { resolve() }) })
      if (broken !== undefined) throw broken
    }
  }
}
