// Settings and flags of `npm run sql`. Only what this command needs is read from the environment, so that a shell
// prepared for the services can run it as well.

import { Type, type Static } from 'typebox'
import { lakeSettings } from '../../catalog/index.ts'
import { dataDirSetting, readConfig } from '../../runtime/index.ts'
import { querySettings } from '../query/open.ts'

const schema = Type.Object({
  _: Type.Array(Type.String(), { default: [], description: 'the statement; without it, it is read from standard input' }),
  csv: Type.Boolean({ default: false, description: 'rows as CSV with a header line, for a spreadsheet or a pipe' }),
  raw: Type.Boolean({ default: false, description: 'with --csv: texts exactly as they are; without it a text that a spreadsheet would calculate has an apostrophe in front' }),
  json: Type.Boolean({ default: false, description: 'rows as a JSON array, one row a line, numbers in full precision' }),
  asOf: Type.Optional(Type.String({ description: 'a snapshot id, or a time: the tables as they were then' })),
  rows: Type.Integer({ default: 200, minimum: 1, description: 'rows shown of a table on the terminal; --csv and --json print all' }),
  FIRN_DATA_DIR: dataDirSetting,
  ...querySettings,
  ...lakeSettings
})

export type SqlConfig = Static<typeof schema>

export function readSqlConfig (argv?: string[]): Readonly<SqlConfig> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_') || name in schema.properties || name === 'FIRN_LOG_LEVEL'))
  return readConfig('sql', schema, argv === undefined ? { env } : { env, argv })
}
