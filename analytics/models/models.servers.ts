// For tests
// Every case of every model and rule test, asked of Trino (TEST_TRINO) as well: the same SQL over the same rows must give the
// same values as DuckDB. The rows stand in the statement, so no catalog is needed. A model that no test asks fails.

import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { openTrinoEngine } from '../query/trino.ts'
import { readModels } from './catalogue.ts'
import { onModelAsked, printRows } from './model-test.ts'

const { TEST_TRINO } = process.env
const analytics = resolve(import.meta.dirname, '..')
const asked = new Set<string>()

if (TEST_TRINO === undefined) t.fail('TEST_TRINO must name a server: npm run test:servers starts it and sets this')
else {
  const engine = openTrinoEngine({ url: `trino://${new URL(TEST_TRINO).host}` })
  onModelAsked(async ({ t, model, rows, sql }) => {
    asked.add(model.name)
    const { chunks } = await engine.query(sql('trino'))
    const found: Parameters<typeof printRows>[0][number][] = []
    for await (const chunk of chunks) found.push(...chunk)
    t.strictSame(printRows(found), rows, `${model.name}: Trino's rows`)
  })
  const files = globSync(['models/*.test.ts', 'fraud/*.test.ts', 'fraud/rules/*.test.ts'], { cwd: analytics }).map(file => resolve(analytics, file)).sort()
  for (const file of files.filter(file => readFileSync(file, 'utf8').includes('testModel('))) await import(pathToFileURL(file).href)
  void t.test('every model and rule was asked', async t => {
    t.strictSame((await readModels()).map(({ name }) => name).filter(name => !asked.has(name)), [])
  })
}
