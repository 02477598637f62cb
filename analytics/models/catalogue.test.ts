import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { orderModels, readModels } from './catalogue.ts'
import { parseModel, type Model } from './model-file.ts'

const fileOf = (reads: string): string => `-- Question: ?
-- Reads:    ${reads}
-- Unit:     full
-- Key:      id
-- Owner:    tests
-- Columns:
--   id string The id.
select x.id from ${reads} x`
const model = (name: string, reads: string): Model => parseModel(name, fileOf(reads))
const namesOf = (models: readonly Model[]): string[] => models.map(({ name }) => name)

t.test('what is read comes first', async t => {
  t.strictSame(namesOf(orderModels([model('a', 'analytics.b'), model('b', 'analytics.c'), model('c', 'firn.events'), model('d', 'firn.events')], ['firn.events'])), ['c', 'b', 'a', 'd'])
})

t.test('a circle is refused and drawn', async t => {
  t.throws(() => orderModels([model('z', 'analytics.a'), model('a', 'analytics.b'), model('b', 'analytics.a')], []), { code: 'MODEL_CYCLE', message: /a → b → a/ })
})

t.test('a table that nobody makes is refused, and so are two files of one name', async t => {
  t.throws(() => orderModels([model('a', 'analytics.gone')], ['firn.events']), { code: 'MODEL_INVALID', message: /reads analytics.gone, which nobody makes: there are analytics.a, firn.events/ })
  t.throws(() => orderModels([model('a', 'firn.events'), model('a', 'firn.events')], ['firn.events']), { code: 'MODEL_INVALID', message: /two files/ })
})

t.test('files of the folders, rules before models, reference tables by their file', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'firn-catalogue-'))
  await writeFile(join(folder, 'spots.csv'), 'id\n')
  await writeFile(join(folder, 'm.sql'), fileOf('analytics.ref_spots'))
  t.match(await readModels({ models: [folder], rules: [join(folder, 'none')], reference: folder }), [{ name: 'm', kind: 'model' }])
})

t.test('all models and rules of this repository can be put in order', async t => {
  const models = await readModels()
  t.ok(models.length > 0)
  for (const model of models) t.ok(model.columns.every(({ doc }) => doc.length > 3), `${model.name}: each column says what it is`)
})
