// Settings and flags of `npm run export`.

import { Type, type Static } from 'typebox'
import { lakeSettings } from '../../catalog/index.ts'
import { dataDirSetting, readConfig } from '../../runtime/index.ts'

const schema = Type.Object({
  _: Type.Array(Type.String(), { default: [], description: 'the model, or another table such as firn.events' }),
  format: Type.Union([Type.Literal('csv'), Type.Literal('parquet'), Type.Literal('txt')], { default: 'csv', description: 'csv with a header line, parquet, or txt: columns under one another for people' }),
  raw: Type.Boolean({ default: false, description: 'with csv: texts exactly as they are; without it a text that a spreadsheet would calculate has an apostrophe in front' }),
  out: Type.Optional(Type.String({ description: 'the file; without it csv and txt go to standard output' })),
  FIRN_DATA_DIR: dataDirSetting,
  ...lakeSettings
})

export type ExportConfig = Readonly<Static<typeof schema>>

export function readExportConfig (argv?: string[]): ExportConfig {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_') || name in schema.properties || name === 'FIRN_LOG_LEVEL'))
  return readConfig('export', schema, argv === undefined ? { env } : { env, argv })
}
