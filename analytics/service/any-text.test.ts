// Any text comes back from the query service as it lies in the table: as JSON, CSV and Arrow, plain and inside lists, structs
// and maps, by a filter that names it, and in a statement that holds it. Partition values and folders are such texts too.

import { tableFromIPC } from 'apache-arrow'
import fc from 'fast-check'
import t from 'tap'
import { quoteText } from '../../catalog/index.ts'
import { parseReference } from '../reference/parse-csv.ts'
import { printCsv, printJsonRows } from '../sql/print.ts'
import { inWords } from '../engine-here.fixture.ts'
import { openTestService } from './service.fixture.ts'

const named = ['', ' ', '\0', 'a\0b', '\ufeff', '\ufeffa', '\ufeff\ufeff', 'a\ufeff', '\ufffd', '\ufffe', '\uffff', '\u202eabc', 'e\u0301', '\u00e9', '\u{10ffff}', '𝄞'.repeat(17), '\u2028', '\u2029', '\u0085', '\v', '\f', '\r', '\n', '\r\n', 'a\rb', ' a ', '\ta', '"', '""', ',', ';', '\'', '=1+1', 'null', '\\N', '\\', '..', '%2e', '*', '[a]', 'x'.repeat(70_000)]
t.setTimeout(180_000)
const texts = [...new Set([...named, ...fc.sample(fc.string({ unit: 'binary', maxLength: 30 }), { numRuns: 30, seed: 5 })])]

t.test('any text is answered as it is, in every form', { timeout: 120_000 }, async t => {
  const service = await openTestService(t)
  const columns = [{ name: 'id', type: 'long' }, { name: 'word', type: 'string' }]
  const parted = texts.filter(text => text.length < 100)
  await service.write('analytics.words', columns, [{ select: texts.map((text, i) => `select ${i}::bigint as id, ${quoteText(text)} as word`).join(' union all ') }])
  await service.write('analytics.parted', columns, parted.map((text, i) => ({ select: `select ${i}::bigint as id, ${quoteText(text)} as word`, partition: { word: text } })), [{ transform: 'identity', column: 'word' }])

  const nested = inWords({
    duckdb: '[word], {\'a\': word}, map {word: word}',
    trino: 'array[word], cast(row(word) as row(a varchar)), map(array[word], array[word])'
  })
  const json = await service.ask(`select word, ${nested} from words order by id`)
  t.strictSame(json.json.rows, texts.map(text => [text, [text], { a: text }, { [text]: text }]))
  const csv = await service.ask('select id, word from words order by id', { format: 'csv-raw' })
  const declared = { file: 'words.csv', key: ['id'], columns: [{ name: 'id', type: 'long' as const, doc: '' }, { name: 'word', type: 'string' as const, doc: '' }] }
  t.strictSame(parseReference(declared, csv.body.toString()).map(([, word]) => word), texts, 'the CSV reads back as it was')
  const arrow = await service.ask('select word from words order by id', {}, { accept: 'application/vnd.apache.arrow.stream' })
  // By the bytes: the reader's own decoder drops a leading U+FEFF, as that of the DuckDB client does.
  const words = tableFromIPC(arrow.body).getChild('word')!.data.flatMap(({ values, valueOffsets, length }) =>
    Array.from({ length }, (_, i) => Buffer.from(values.subarray(valueOffsets[i], valueOffsets[i + 1])).toString()))
  t.strictSame(words, texts)

  const filters = parted.map((text, i) => `select ${i} as n, array_agg(id) as ids from parted where word = ${quoteText(text)}`)
  const found = await service.ask(`${filters.join(' union all ')} order by n`)
  t.strictSame(found.json.rows, parted.map((_, i) => [i, [String(i)]]), 'a filter finds each by its bounds and its partition')
})

t.test('a statement may hold every character that ends a line elsewhere', async t => {
  const service = await openTestService(t)
  for (const inside of ['\u2028', '\u2029', '\u0085', '\v', '\f', '\r', '\n', '\ufeff']) {
    const { status, json } = await service.ask(`select 'a${inside}b' as word`)
    t.strictSame([status, json.rows], [200, [[`a${inside}b`]]], JSON.stringify(inside))
  }
})

t.test('what is printed for programs reads back: JSON rows and CSV with names that a reader could mistake', async t => {
  const print = async (form: typeof printCsv): Promise<string> => {
    let text = ''
    async function * chunks (): AsyncGenerator<string[][]> { yield texts.map(word => [word]) }
    await form({ names: ['\ufeffname'], types: ['VARCHAR'], chunks: chunks() }, part => { text += part })
    return text
  }
  t.strictSame((JSON.parse(await print(printJsonRows)) as Record<string, string>[]).map(row => row['\ufeffname']), texts)
  const csv = await print(printCsv)
  t.ok(csv.startsWith('"\ufeffname"'), 'a reader does not take it for a byte order mark')
})
