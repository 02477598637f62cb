// Values that break readers: lists without end, depth, numbers that no reader holds, texts that are no texts, names that mean
// something to JavaScript, compressed zeros; to the gateway, the catalog and the query service. Refused or kept, never a fault.

import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { until } from '../../runtime/index.ts'
import { someEvent, type Ground } from './ground.ts'

const mebibyte = 1024 * 1024
const rowMsMax = 60_000

export async function playOddValues (ground: Ground): Promise<void> {
  const { line, tally, send } = ground
  const now = new Date().toISOString()
  const event = (more: string): string => `{"event_id":"odd-${n++}","event_type":"page_view","timestamp":"${now}",${more}}`
  let n = 0
  const bodies: Record<string, string | Buffer> = {
    'arrays in arrays': '['.repeat(200_000),
    'objects in objects': event(`"properties":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`),
    'a list of a million': event(`"properties":{"a":[${'1,'.repeat(1_000_000)}1]}`),
    'a million members': `{${Array.from({ length: 200_000 }, (_, i) => `"m${i}":1`).join(',')}}`,
    'a hundred thousand events': `[${'{},'.repeat(100_000)}{}]`,
    'a number of a million digits': event(`"quantity":${'9'.repeat(1_000_000)}`),
    'an integer beyond 64 bits': event('"quantity":18446744073709551616'),
    'an infinite number': event('"amount":1e999'),
    'a number that is none': event('"amount":NaN'),
    'one name twice': event('"user_id":"a","user_id":"b"'),
    'a lone surrogate': event('"user_id":"\\ud800"'),
    'a null character': event('"user_id":"a\\u0000b"'),
    'bytes that are no UTF-8': Buffer.concat([Buffer.from(event('"user_id":"').slice(0, -1)), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
    'a text of 8 MiB': event(`"title":"${'x'.repeat(8 * mebibyte)}"`),
    'nothing but blanks': ' '.repeat(mebibyte),
    'a time of the year 275760': `{"event_id":"odd-y","event_type":"page_view","timestamp":"+275760-09-13T00:00:00Z"}`,
    'a type that is a path': `{"event_id":"odd-p","event_type":"../../etc","timestamp":"${now}"}`,
    'a type that is a statement': `{"event_id":"odd-s","event_type":"a'; drop table events; --","timestamp":"${now}"}`
  }
  for (const [name, body] of Object.entries(bodies)) {
    const { status, text } = await send(line.gatewayUrl, '/v1/events', { method: 'POST', body })
    tally.check(`the gateway refuses ${name}`, status >= 400 && status < 500, `${status} ${text.slice(0, 100)}`)
  }
  const zeros = Buffer.alloc(64 * mebibyte)
  const bombs = { gzip: gzipSync(zeros, { level: 1 }), br: brotliCompressSync(zeros, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }) }
  for (const [encoding, body] of Object.entries(bombs)) {
    const { status } = await send(line.gatewayUrl, '/v1/events', { method: 'POST', body, headers: { 'content-encoding': encoding } })
    tally.check(`the gateway refuses 64 MiB of zeros in ${body.length} bytes of ${encoding}`, status === 413, String(status))
  }
  const kept = [
    ['__proto__', '"properties":{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"x":1}}}'], ['names of JavaScript', '"toString":1,"hasOwnProperty":"x","__proto__":{"a":1}'],
    ['a byte order mark', '"title":"\ufeffx"'], ['marks of direction', '"title":"\u202egnp.exe"'], ['a statement', '"user_id":"\'); drop table firn.events; --"'], ['a template', '"title":"{{constructor.constructor(\'1\')()}} ${7*7} <script>alert(1)</script>"']
  ] as const
  for (const [name, more] of kept) {
    const { status, text } = await send(line.gatewayUrl, '/v1/events', { method: 'POST', body: event(more).replace('odd-', 'kept-') })
    tally.check(`the gateway takes ${name} as a value`, status === 202, `${status} ${text.slice(0, 200)}`)
  }
  const sql = "select count(*) from firn.events where event_id like 'kept-%'"
  const landed = async (): Promise<boolean> => (await send(line.queryUrl, '/v1/query', { method: 'POST', body: { sql } })).text.replaceAll('\n', '').includes(`"rows":[["${kept.length}"]]`)
  tally.check('and they are rows', await until(landed, rowMsMax).then(() => true, () => false))
  await askCatalog(ground)
  await askQuestions(ground)
  await send(line.gatewayUrl, '/v1/events', { method: 'POST', body: someEvent('after-odd') })
}

async function askCatalog ({ line, tally, send }: Ground): Promise<void> {
  const table = '/v1/namespaces/firn/tables/events'
  const deep = `${'{"type":"list","element-id":2,"element-required":false,"element":'.repeat(5000)}"int"${'}'.repeat(5000)}`
  const bodies: Record<string, [path: string, body: string]> = {
    'null identifiers': ['/v1/tables/rename', '{"source":null,"destination":null}'],
    'depth': [table, `{"requirements":[],"updates":[],"x":${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
    'a type of five thousand lists': [table, `{"requirements":[],"updates":[{"action":"add-schema","schema":{"type":"struct","fields":[{"id":1,"name":"a","required":false,"type":${deep}}]}}]}`],
    'an id beyond 64 bits': [table, '{"requirements":[{"type":"assert-ref-snapshot-id","ref":"main","snapshot-id":99999999999999999999}],"updates":[]}'],
    'half a million updates': [table, `{"requirements":[],"updates":[${'{},'.repeat(500_000)}{}]}`],
    'no JSON': [table, '{'],
    'a namespace without parts': ['/v1/namespaces', '{"namespace":[]}'],
    'a namespace of numbers': ['/v1/namespaces', '{"namespace":[1,null,{}]}'],
    'a view without versions': ['/v1/namespaces/firn/views', '{"name":"v","view-version":null,"schema":null,"properties":null}']
  }
  for (const [name, [path, body]] of Object.entries(bodies)) {
    const { status, text } = await send(line.catalogUrl, path, { method: 'POST', body })
    tally.check(`the catalog refuses ${name}`, status >= 400 && status < 500, `${status} ${text.slice(0, 100)}`)
  }
}

async function askQuestions ({ line, tally, send }: Ground): Promise<void> {
  const statements: Record<string, string> = {
    'parentheses in parentheses': `select ${'('.repeat(20_000)}1${')'.repeat(20_000)}`,
    'a million terms': `select ${'1+'.repeat(200_000)}1`,
    'a statement of 4 MiB': `select '${'x'.repeat(4 * mebibyte)}'`,
    'a file': "select * from read_text('/etc/passwd')",
    'a table function of the system': 'select * from duckdb_settings()',
    'two statements': 'select 1; drop table firn.events',
    'a null character': 'select 1\u0000; drop table firn.events'
  }
  for (const [name, sql] of Object.entries(statements)) {
    const { status, text } = await send(line.queryUrl, '/v1/query', { method: 'POST', body: { sql } })
    tally.check(`the query service answers ${name}, and not with a file`, status >= 200 && status < 500 && !text.includes('root:'), `${status} ${text.slice(0, 100)}`)
  }
  for (const body of ['{"sql":null}', '{"sql":["select 1"]}', '[]', 'null', '{"sql":"select 1","rows":-1}', '{"sql":"select 1","as_of":{"a":[]}}', '{"sql":"select 1","id":"../../x"}', '{"sql":"select 1","format":"../x"}']) {
    const { status, text } = await send(line.queryUrl, '/v1/query', { method: 'POST', body })
    tally.check(`the query service refuses ${body}`, status >= 400 && status < 500, `${status} ${text.slice(0, 100)}`)
  }
}
