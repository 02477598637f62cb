// For tests
// The saved questions on Trino (TEST_TRINO): each over empty tables of the models' columns, so that its words are known to be
// Trino's as well.

import t from 'tap'
import { openTrinoEngine } from '../query/trino.ts'
import { readColumns, readQueries, statementOf } from './queries.fixture.ts'

const { TEST_TRINO } = process.env

if (TEST_TRINO === undefined) t.fail('TEST_TRINO must name a server: npm run test:servers starts it and sets this')
else {
  const engine = openTrinoEngine({ url: `trino://${new URL(TEST_TRINO).host}` })
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
