// Settings and flags of `npm run sql`. Only what this command needs is read from the environment, so that a shell
// prepared for the services can run it as well.

import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Type, type Static } from 'typebox'
import { readConfig } from '../../runtime/index.ts'

const schema = Type.Object({
  _: Type.Array(Type.String(), { default: [], description: 'the statement; without it, it is read from standard input' }),
  csv: Type.Boolean({ default: false, description: 'rows as CSV with a header line, for a spreadsheet or a pipe' }),
  json: Type.Boolean({ default: false, description: 'rows as a JSON array, one row a line, numbers in full precision' }),
  asOf: Type.Optional(Type.String({ description: 'a snapshot id, or a time: the tables as they were then' })),
  rows: Type.Integer({ default: 200, minimum: 1, description: 'rows shown of a table on the terminal; --csv and --json print all' }),
  FIRN_DATA_DIR: Type.String({ default: './data', description: 'where everything that lasts is kept' }),
  FIRN_CATALOG_URL: Type.String({ default: 'http://127.0.0.1:8181', description: 'the Iceberg REST catalog that knows the tables' }),
  FIRN_WAREHOUSE_URL: Type.Optional(Type.String({ description: 'where the files of the tables are; by default the folder warehouse in FIRN_DATA_DIR' })),
  FIRN_SQL_MEMORY_MIB_MAX: Type.Integer({ default: 1024, minimum: 64, description: 'memory a statement may use before it spills to a temporary folder' })
})

export type SqlConfig = Static<typeof schema> & { FIRN_WAREHOUSE_URL: string }

export function readSqlConfig (argv?: string[]): Readonly<SqlConfig> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_') || name in schema.properties || name === 'FIRN_LOG_LEVEL'))
  const config = readConfig('sql', schema, argv === undefined ? { env } : { env, argv })
  return { ...config, FIRN_WAREHOUSE_URL: config.FIRN_WAREHOUSE_URL ?? pathToFileURL(resolve(config.FIRN_DATA_DIR, 'warehouse')).href }
}
