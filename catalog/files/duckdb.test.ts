/** Text comes out of DuckDB as it went in: any code point, any place in a value, any form in which the client hands it out. */
import { createRequire } from 'node:module'
import type { TextDecoder } from 'node:util'
import { DuckDBInstance as Bare } from '@duckdb/node-api'
import fc from 'fast-check'
import t from 'tap'
import { DuckDBInstance } from './duckdb.ts'
import { quoteText } from './duckdb-types.ts'

const instance = await DuckDBInstance.create(':memory:')
const connection = await instance.connect()
t.teardown(() => { connection.closeSync(); instance.closeSync() })

/** Any code points but halves of surrogate pairs, which are no text; the nasty ones often, and often in front. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.tuple(
    fc.constantFrom('\ufeff', '\ufeff\ufeff', '\0', '\ufffd', '\ufffe', '\uffff', '\u202e', '\u2028', '\u0085', 'e\u0301', '\u{10ffff}', '\ud7ff', '\ue000', '\'', '"'),
    fc.string({ unit: 'binary', maxLength: 20 })
  ).map(parts => parts.join(''))
)
const hex = (text: string): string => Buffer.from(text).toString('hex').toUpperCase()

t.test('a text is the same in every place of a value and every form of a result', async t => {
  await fc.assert(fc.asyncProperty(anyText, async text => {
    const q = quoteText(text)
    const sql = `select ${q} as plain, [${q}] as list, {'a': ${q}} as struct, map {${q}: ${q}} as pairs, hex(encode(${q})) as bytes`
    const json = { plain: text, list: [text], struct: { a: text }, pairs: [{ key: text, value: text }], bytes: hex(text) }
    t.strictSame((await connection.runAndReadAll(sql)).getRowObjectsJson(), [json])
    const [row] = (await connection.runAndReadAll(`select $1::varchar, ${q} = $1, {'a': [$1]}::variant`, [text])).getRowsJS()
    t.strictSame(row?.slice(0, 2), [text, true])
    t.strictSame(JSON.parse(JSON.stringify(row?.[2])), { a: [text] })
  }), { numRuns: 150 })
})

t.test('a client that was opened without this door gives texts back whole too, once the door is there', async t => {
  const bare = await (await Bare.create(':memory:')).connect()
  t.strictSame((await bare.runAndReadAll(`select chr(65279) || 'Käse', chr(65279) || 'longer than twelve bytes'`)).getRows(), [['\ufeffKäse', '\ufefflonger than twelve bytes']])
  bare.closeSync()
})

t.test('the decoder that is replaced is the one that the client uses', t => {
  const accessors = createRequire(import.meta.url)('@duckdb/node-api/lib/vectors/dataAccessors.js') as { textDecoder: TextDecoder }
  t.equal(accessors.textDecoder.ignoreBOM, true)
  t.end()
})
