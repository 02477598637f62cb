// The pages that `npm run docs` writes parts of, and what belongs into each of their marks.

import { analystsTables } from './analysts-tables.ts'
import { dataDictionary } from './data-dictionary.ts'
import { errorsTable, settingsTable } from './reference-tables.ts'

/** Page → mark → Markdown. */
export async function generatedPages (): Promise<Record<string, Record<string, string>>> {
  return {
    'docs/reference/settings.md': { settings: settingsTable() },
    'docs/reference/errors.md': { errors: errorsTable() },
    'docs/analysts.md': analystsTables(),
    'docs/data-dictionary.md': await dataDictionary()
  }
}
