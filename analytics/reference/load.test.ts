import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openTestLake } from '../runner/test-lake.ts'
import { duckdbScan, mainSnapshotId, scanFiles } from '../../catalog/index.ts'
import { readReferences } from './declaration.ts'
import { loadReferences, type ReferenceLoad } from './load.ts'
import { parseReference } from './parse-csv.ts'

async function openFolder (t: Test) {
  const dir = await mkdtemp(join(tmpdir(), 'firn-reference-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const lake = await openTestLake(t)
  const lines: string[] = []
  return {
    lines,
    catalog: lake.catalog,
    storage: lake.storage,
    write: (name: string, text: string | Buffer) => writeFile(join(dir, name), text),
    load: async (): Promise<ReferenceLoad[]> => await loadReferences({ ...lake, dir, say: line => lines.push(line) }),
    async rows (name: string) {
      const table = await lake.catalog.loadTable({ namespace: ['analytics'], name })
      const { files } = await scanFiles(lake.storage, table)
      return { rows: await lake.rows(`select * from ${duckdbScan(table, files, lake.storage)}`), snapshot: mainSnapshotId(table.metadata) }
    }
  }
}

t.test('a file is loaded, left alone while it stays, and replaced in one commit when it changes', async t => {
  const folder = await openFolder(t)
  await folder.write('tables.json', JSON.stringify({ rates: { key: ['currency'], columns: { usd_rate: ['decimal(18,8)', 'In USD.'] } } }))
  await folder.write('rates.csv', 'currency,usd_rate\nUSD,1\nEUR,1.085\n')
  t.match(await folder.load(), [{ table: 'analytics.ref_rates', outcome: 'written', rows: 2 }])
  const first = await folder.rows('ref_rates')
  t.strictSame(first.rows, [{ currency: 'EUR', usd_rate: '1.08500000' }, { currency: 'USD', usd_rate: '1.00000000' }])
  t.match(await folder.load(), [{ outcome: 'fresh' }])
  t.equal((await folder.rows('ref_rates')).snapshot, first.snapshot)
  await folder.write('rates.csv', 'currency,usd_rate,note\r\nUSD,1,"say ""hi"",\nthere"\r\nCHF,1.13200000,\r\n')
  t.match(await folder.load(), [{ outcome: 'written', rows: 2 }], 'with a column more')
  t.strictSame((await folder.rows('ref_rates')).rows, [{ currency: 'CHF', usd_rate: '1.13200000', note: null }, { currency: 'USD', usd_rate: '1.00000000', note: 'say "hi",\nthere' }])
  await folder.write('rates.csv', 'currency,usd_rate,note\n')
  t.match(await folder.load(), [{ outcome: 'written', rows: 0 }])
  t.strictSame((await folder.rows('ref_rates')).rows, [])
  t.strictSame(folder.lines, ['analytics.ref_rates has 2 rows of rates.csv', 'analytics.ref_rates has 2 rows of rates.csv', 'analytics.ref_rates has 0 rows of rates.csv'])
})

t.test('a load that may have landed deletes no file of the table', async t => {
  const folder = await openFolder(t)
  await folder.write('spots.csv', 'spot\na\n')
  await folder.load()
  await folder.write('spots.csv', 'spot\na\nb\n')
  // The request is lost or late, and main moves meanwhile: whether it will land is not known.
  const { commitTable, loadTable } = folder.catalog
  const deleted: string[] = []
  folder.storage.delete = async locations => { deleted.push(...locations) }
  let doubtful = true
  folder.catalog.commitTable = async (id, change) => {
    if (!doubtful || !change.updates.some(({ action }) => action === 'add-snapshot')) return await commitTable(id, change)
    doubtful = false
    folder.catalog.loadTable = async id => {
      folder.catalog.loadTable = loadTable
      await commitTable(id, { requirements: [], updates: [{ 'action': 'remove-snapshot-ref', 'ref-name': 'main' }] })
      return await loadTable(id)
    }
    return { kind: 'unknown', cause: new Error('the reply is lost') }
  }
  const [load] = await folder.load()
  t.notOk(doubtful)
  t.match(load, { outcome: 'written' }, 'the next attempt is computed on what is there')
  t.same(deleted.filter(location => location.endsWith('.parquet')), [], 'the first attempt\'s file may be the table\'s')
  t.strictSame((await folder.rows('ref_spots')).rows, [{ spot: 'a' }, { spot: 'b' }])
})

t.test('a wrong file keeps its table as it was and the others from nothing', async t => {
  const folder = await openFolder(t)
  await folder.write('tables.json', JSON.stringify({ rates: { key: ['currency'], columns: { usd_rate: ['decimal(18,8)', 'In USD.'] } } }))
  await folder.write('rates.csv', 'currency,usd_rate\nUSD,1\n')
  await folder.load()
  await folder.write('rates.csv', 'currency,usd_rate\nUSD,1\nEUR,one\n')
  await folder.write('spots.csv', 'spot\na\n')
  t.match(await folder.load(), [{ outcome: 'refused', error: { code: 'REFERENCE_INVALID', message: 'rates.csv, line 3, column usd_rate: "one" is no number such as 12.50; the table keeps its old rows' } }, { table: 'analytics.ref_spots', outcome: 'written', rows: 1 }])
  t.strictSame((await folder.rows('ref_rates')).rows, [{ currency: 'USD', usd_rate: '1.00000000' }])
  await folder.write('rates.csv', Buffer.from([0x63, 0xff]))
  t.match((await folder.load())[0], { outcome: 'refused', error: { message: /not UTF-8/ } })
})

t.test('what is wrong is named by line and column', async t => {
  const columns = ['id string', 'n long', 'at timestamptz', 'day date', 'ok boolean', 'm decimal(6,2)'].map(text => ({ name: text.split(' ')[0]!, type: text.split(' ')[1]!, doc: '' }))
  const parse = (text: string) => parseReference({ file: 'x.csv', columns, key: ['id'] }, text)
  const header = 'id,n,at,day,ok,m\n'
  t.strictSame(parse('\uFEFF' + header + 'a,9223372036854775807,2026-01-31T12:00:00Z,2024-02-29,true,-1234.5\n\n"",,,,,\n').map(row => row.slice(0, 2)), [['a', '9223372036854775807'], ['', null]])
  t.equal(parse(header + 'a,,2026-01-31t12:00:00z,,,\n')[0]![2], '2026-01-31T12:00:00Z', 'as engines read it')
  for (const text of ['2026-01-31T24:00:00Z', '2026-02-29t00:00:00z', '2026-01-31T12:00:60Z']) t.throws(() => parse(`${header}a,,${text},,,\n`), { message: /is no time/ }, text)
  for (const [text, message] of [
    ['', /line 1, column 1: the file is empty/],
    ['id,n,at,day,ok\n', /column m: the header has no column m: it has id, n/],
    ['id,n,at,day,ok,m,id\n', /line 1, column 7: column id is there twice/],
    ['id,n,at,day,ok,M\n', /line 1, column 6: "M" is not a column name/],
    [header + 'a,1,,,\n', /line 2, column 5: there are 5 values for 6 columns/],
    [header + 'a,1.5,,,,\n', /line 2, column n: "1.5" is no whole number/],
    [header + 'a,9223372036854775808,,,,\n', /column n/],
    [header + '"a\nb",1,,,,\nc,,2026-01-31 12:00,,,\n', /line 4, column at: "2026-01-31 12:00" is no time/],
    [header + 'a,,,2026-02-30,,\n', /column day: "2026-02-30" is no day/],
    [header + 'a,,,,yes,\n', /column ok: "yes" is neither true nor false/],
    [header + 'a,,,,,1.234\n', /column m: "1.234" has more than 2 decimals/],
    [header + 'a,,,,,12345\n', /column m: "12345" has more than 4 digits/],
    [header + ',1,,,,\n', /line 2, column id: the key is empty/],
    [header + 'a,,,,,\nb,,,,,\na,,,,,\n', /line 4, column id: a stands in line 2 as well/],
    [header + '"a,,,,,\n', /line 2, column 1: a quote is opened and never closed/]
  ] as const) t.throws(() => parse(text), { code: 'REFERENCE_INVALID', message }, text)
})

t.test('the files of this repository are right, and each of their columns is declared', async t => {
  const references = await readReferences()
  t.strictSame(references.map(({ table }) => table), ['customers', 'products', 'rates', 'regions', 'stock'].map(name => `analytics.ref_${name}`))
  for (const { table, columns } of references) t.ok(columns.every(({ doc }) => doc !== ''), table)
  const lake = await openTestLake(t)
  t.strictSame((await loadReferences(lake)).map(({ outcome, rows }) => [outcome, rows]), [['written', 18], ['written', 240], ['written', 8], ['written', 5], ['written', 240]])
})
