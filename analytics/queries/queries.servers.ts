// For tests
// The saved questions on Trino (TEST_TRINO): each over empty tables of the models' columns, so that its words are known to be
// Trino's as well, and every case of their tests, which must be answered as DuckDB answers it, in the same order.

import t from 'tap'
import { openTrinoEngine } from '../query/trino.ts'
import { printInOrder } from '../models/model-test.ts'
import { onQuestionAsked, readColumns, readQueries, statementOf } from './queries.fixture.ts'

const { TEST_TRINO } = process.env

if (TEST_TRINO === undefined) t.fail('TEST_TRINO must name a server: npm run test:servers starts it and sets this')
else {
  const engine = openTrinoEngine({ url: `trino://${new URL(TEST_TRINO).host}` })
  const asked = new Set<string>()
  onQuestionAsked(async ({ t, query, rows, sql }) => {
    asked.add(query.name)
    const { chunks } = await engine.query(sql('trino'))
    const found: Parameters<typeof printInOrder>[0][number][] = []
    for await (const chunk of chunks) found.push(...chunk)
    t.strictSame(printInOrder(found), rows, `${query.name}: Trino's answer`)
  })
  await import('./queries.test.ts')
  void t.test('every saved question was asked with rows', async t => {
    t.strictSame((await readQueries()).map(({ name }) => name).filter(name => !asked.has(name)), [])
  })
  void t.test('every saved question can be asked of Trino', async t => {
    const columns = await readColumns()
    for (const query of await readQueries()) {
      const { chunks } = await engine.query(statementOf(query, columns, 'trino'))
      const rows: unknown[] = []
      for await (const chunk of chunks) rows.push(...chunk)
      t.equal(rows.length, 0, query.name)
    }
  })
}
