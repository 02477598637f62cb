import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { ByteBudget } from './byte-budget.ts'
import { quote, wideRows, withDuckDB } from './behaviour.ts'
import { CopyFolder } from './copy-folder.ts'
import { mergeRanges, NearFiles } from './near-files.ts'
import { columnRanges, footerBytesOf } from '../spec/parquet-footer.ts'
import { openStorage } from './open.ts'
import { S3Connection } from './s3-connection.ts'
import { isS3, normaliseS3, parseS3, rootOf } from './s3-location.ts'
import { S3Objects } from './s3-objects.ts'
import { S3Upload } from './s3-upload.ts'
import type { StorageCredentials } from './storage.ts'
import { VendedCredentials } from './vended-credentials.ts'

type Handle = (request: IncomingMessage, reply: ServerResponse, body: Buffer) => void
const keys = { accessKeyId: 'key', secretAccessKey: 'secret' }
const folder = mkdtempSync(join(tmpdir(), 'firn-s3-unit-'))
t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })

t.test('a location is bucket and raw key, however its scheme is spelt', t => {
  t.same(parseS3('s3a://lake/a%2Fb/c d+é=?#.parquet'), { bucket: 'lake', key: 'a%2Fb/c d+é=?#.parquet' })
  t.same(parseS3('S3://lake'), { bucket: 'lake', key: '' })
  t.equal(normaliseS3('s3n://lake/a//b//'), 's3://lake/a//b')
  t.equal(normaliseS3('s3://lake/'), 's3://lake')
  t.equal(rootOf('s3a://lake/a/b'), 's3a://lake/')
  t.notOk(isS3('file:///s3://x'))
  t.throws(() => parseS3('s3:///x'), { code: 'STORAGE_URL_UNSUPPORTED' })
  t.end()
})

t.test('a process on local files does not load the SDK', t => {
  const program = `
    import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({ load (url, context, next) { loaded.push(url); return next(url, context) } })
    const { openStorage } = await import(${JSON.stringify(join(import.meta.dirname, 'open.ts'))})
    const { access } = await import('node:fs/promises')
    await openStorage('file:///tmp').size('file:///tmp')
    openStorage('s3://lake')
    console.log(JSON.stringify(loaded))`
  const loaded = JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', env: {} })) as string[]
  t.ok(loaded.some(url => url.endsWith('/s3.ts')), 'the list is of what was loaded')
  t.same(loaded.filter(url => /aws|smithy|duckdb/.test(url)), [])
  t.end()
})

t.test('neighbouring ranges are fetched in one piece', t => {
  t.same(mergeRanges([{ start: 50, end: 60 }, { start: 0, end: 10 }, { start: 15, end: 20 }, { start: 12, end: 18 }], 5), [{ start: 0, end: 20 }, { start: 50, end: 60 }])
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(1000), fc.integer({ min: 1, max: 50 }))), fc.nat(20), (pairs, gap) => {
    const ranges = pairs.map(([start, length]) => ({ start, end: start + length }))
    const merged = mergeRanges(ranges, gap)
    return ranges.every(range => merged.some(each => each.start <= range.start && range.end <= each.end)) && merged.every((each, i) => i === 0 || each.start - (merged[i - 1]?.end ?? 0) > gap)
  }))
  t.end()
})

t.test('the footer tells where each column lies, as DuckDB sees it', async t => {
  const path = join(folder, 'wide.parquet')
  await withDuckDB(async run => {
    await run(`COPY (${wideRows}) TO ${quote(path)} (FORMAT parquet, ROW_GROUP_SIZE 20000)`)
    const chunks = await run(`SELECT split_part(path_in_schema, ', ', 1), least(coalesce(nullif(dictionary_page_offset, 0), data_page_offset), data_page_offset)::INT, total_compressed_size::INT, bloom_filter_offset::INT, bloom_filter_length::INT FROM parquet_metadata(${quote(path)})`) as [string, number, number, number | null, number | null][]
    const bytes = readFileSync(path)
    const length = footerBytesOf(bytes.subarray(-8)) ?? 0
    const ranges = columnRanges(bytes.subarray(bytes.length - 8 - length, bytes.length - 8))
    t.same([...ranges?.keys() ?? []], ['id', 'noise', 'hour', 'place', 'more'])
    for (const [name, start, size, bloomAt, bloomBytes] of chunks) {
      t.ok(ranges?.get(name)?.some(range => range.start === start && range.end >= start + size), `${name} at ${start}`)
      if (bloomAt !== null) t.ok(ranges?.get(name)?.some(range => range.start === bloomAt && range.end === bloomAt + (bloomBytes ?? 0)), `Bloom filter of ${name} at ${bloomAt}`)
    }
    t.ok(chunks.some(([,,, bloomAt]) => bloomAt !== null), 'the example has Bloom filters')
    for (let cut = 0; cut < length; cut += 97) t.equal(columnRanges(bytes.subarray(bytes.length - 8 - length, bytes.length - 8 - length + cut)), null, 'half a footer is none')
  })
  t.equal(footerBytesOf(Buffer.from('....PARE')), null)
  t.equal(footerBytesOf(Buffer.from('PAR1')), null)
})

t.test('bytes in flight stay within their budget, first come, first served', async t => {
  const budget = new ByteBudget(10)
  let [inFlight, most] = [0, 0]
  const order: number[] = []
  await Promise.all([6, 6, 4, 25, 1, 1].map((bytes, i) => budget.spend(bytes, async () => {
    order.push(i)
    inFlight += bytes
    if (bytes <= 10) most = Math.max(most, inFlight)
    await new Promise(resolve => setImmediate(resolve))
    inFlight -= bytes
    if (i === 2) throw new Error('one that fails gives its bytes back')
  }).catch(() => undefined)))
  t.same(order, [0, 1, 2, 3, 4, 5])
  t.ok(most <= 10, `${most}`)
})

t.test('vended credentials are asked for once, renewed in time, and survive a catalog that is away', async t => {
  let nowMs = 1_000_000
  let asked = 0
  let isAway = false
  const ask = (location: string): Promise<StorageCredentials | null> => {
    asked++
    if (isAway) return Promise.reject(new Error('away'))
    if (!location.startsWith('s3://b/t/')) return Promise.resolve(null)
    return Promise.resolve({ prefix: 's3a://b/t', config: { 's3.access-key-id': `key ${asked}`, 's3.session-token-expires-at-ms': String(nowMs + 3_600_000) } })
  }
  const vended = new VendedCredentials(ask, () => nowMs)
  const keyOf = async (location: string) => (await vended.for(location))?.config['s3.access-key-id']
  t.same(await Promise.all([keyOf('s3://b/t/data/1'), keyOf('s3://b/t/data/2')]), ['key 1', 'key 1'])
  t.equal(await keyOf('s3://b/t/metadata/x'), 'key 1', 'what lies under the prefix needs no question')
  t.equal(await keyOf('s3://b/t_old/data/1'), undefined, 'a table whose name begins alike is another')
  t.equal(await keyOf('s3://b/t_old/data/2'), undefined)
  t.equal(asked, 2, 'no is an answer for a while')
  nowMs += 3_600_000 - 299_000
  isAway = true
  t.equal(await keyOf('s3://b/t/data/1'), 'key 1', 'the old ones are still valid')
  t.equal(asked, 3, 'less than five minutes left: asked')
  isAway = false
  t.equal(await keyOf('s3://b/t/data/1'), 'key 4')
  isAway = true
  nowMs += 3_600_000
  await t.rejects(keyOf('s3://b/t/data/1'), { message: 'away' }, 'expired, and nobody to ask')
  isAway = false
  vended.forget('s3://b/t/data/1')
  t.equal(await keyOf('s3://b/t/data/1'), 'key 6')
})

t.test('what the server answers is one of our errors, after a bounded number of attempts', async t => {
  const refusals: [number, string, { code: string, retryable: boolean, message?: RegExp }][] = [
    [503, 'SlowDown', { code: 'STORAGE_THROTTLED', retryable: true, message: /asks to slow down \(503 SlowDown/ }],
    [500, 'InternalError', { code: 'STORAGE_UNREADABLE', retryable: true }],
    [403, 'ExpiredToken', { code: 'STORAGE_CREDENTIALS_EXPIRED', retryable: true }],
    [403, 'AccessDenied', { code: 'STORAGE_DENIED', retryable: false }],
    [403, 'SignatureDoesNotMatch', { code: 'STORAGE_CREDENTIALS_WRONG', retryable: false }],
    [404, 'NoSuchBucket', { code: 'STORAGE_BUCKET_MISSING', retryable: false }],
    [400, 'AuthorizationHeaderMalformed', { code: 'STORAGE_REGION_WRONG', retryable: false }]
  ]
  await Promise.all(refusals.map(async ([status, code, expected]) => {
    let requests = 0
    const objects = await stubbed(t, (_, reply) => { requests++; refuse(reply, status, code) })
    await t.rejects(objects.get('s3://b/k'), expected, code)
    t.equal(requests, status >= 500 ? 2 : 1, `${code}: attempts`)
  }))
})

t.test('a server that does not answer is given up after a time', async t => {
  const objects = await stubbed(t, () => undefined, 200)
  const start = Date.now()
  await t.rejects(objects.get('s3://b/k'), { code: 'STORAGE_UNREACHABLE', retryable: true })
  t.ok(Date.now() - start < 2_000, `${Date.now() - start} ms`)
})

t.test('an answer that breaks off or falls silent is asked for again', async t => {
  let requests = 0
  const objects = await stubbed(t, (_, reply) => {
    requests++
    reply.writeHead(200, { 'content-length': 10 })
    if (requests === 1) { reply.write('01234'); setImmediate(() => { reply.destroy() }) } else if (requests === 2) reply.write('0123')
    else reply.end('0123456789')
  }, 200)
  t.equal(String((await objects.get('s3://b/k')).bytes), '0123456789')
  t.equal(requests, 3)
  const never = await stubbed(t, (_, reply) => { reply.writeHead(200, { 'content-length': 10 }); reply.write('0'); setImmediate(() => { reply.destroy() }) })
  await t.rejects(never.get('s3://b/k'), { code: 'STORAGE_UNREACHABLE' })
})

t.test('a create whose answer was lost is ours; the same bytes of somebody else are not', async t => {
  const stored = new Map<string, { bytes: Buffer, mark: string | undefined }>()
  let isLost = true
  const handle = (request: IncomingMessage, reply: ServerResponse, body: Buffer): void => {
    const found = stored.get(request.url?.split('?')[0] ?? '')
    if (request.method === 'PUT') {
      t.equal(request.headers['if-none-match'], '*')
      if (found !== undefined) { refuse(reply, 412, 'PreconditionFailed'); return }
      stored.set(request.url?.split('?')[0] ?? '', { bytes: body, mark: request.headers['x-amz-meta-firn-writer'] as string | undefined })
      if (isLost) reply.destroy()
      else reply.end()
    } else if (found === undefined) refuse(reply, 404, 'NoSuchKey')
    else {
      reply.writeHead(200, { 'content-length': found.bytes.length, ...(found.mark === undefined ? {} : { 'x-amz-meta-firn-writer': found.mark }) })
      reply.end(request.method === 'HEAD' ? undefined : found.bytes)
    }
  }
  const objects = await stubbed(t, handle)
  await objects.create('s3://b/k', Buffer.from('mine'))
  t.equal(String(stored.get('/b/k')?.bytes), 'mine')
  isLost = false
  await t.rejects(objects.create('s3://b/k', Buffer.from('other')), { code: 'STORAGE_EXISTS' })
  stored.set('/b/theirs', { bytes: Buffer.from('mine'), mark: undefined })
  await t.rejects(objects.create('s3://b/theirs', Buffer.from('mine')), { code: 'STORAGE_EXISTS' })
})

t.test('of an upload in parts: a lost last answer is success, a failure is aborted', async t => {
  const path = join(folder, 'twelve.bin')
  writeFileSync(path, Buffer.alloc(12 * 1024 ** 2, 1))
  const location = 's3://b/large'
  let isBroken = false
  let done: { mark: string, bytes: number } | null = null
  let [mark, bytes, aborted] = ['', 0, 0]
  const handle = (request: IncomingMessage, reply: ServerResponse, body: Buffer): void => {
    const url = request.url ?? ''
    if (request.method === 'POST' && /[?&]uploads/.test(url)) {
      mark = request.headers['x-amz-meta-firn-writer'] as string
      reply.end('<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>')
    } else if (request.method === 'PUT') {
      if (isBroken && url.includes('partNumber=2')) { refuse(reply, 403, 'AccessDenied'); return }
      bytes += body.length
      reply.writeHead(200, { etag: '"e"' }).end()
    } else if (request.method === 'POST') {
      t.equal(request.headers['if-none-match'], '*')
      if (done !== null) { refuse(reply, 404, 'NoSuchUpload'); return }
      done = { mark, bytes }
      reply.destroy()
    } else if (request.method === 'DELETE') {
      aborted++
      reply.writeHead(204).end()
    } else if (done === null) refuse(reply, 404, 'NoSuchKey')
    else reply.writeHead(200, { 'content-length': done.bytes, 'x-amz-meta-firn-writer': done.mark }).end()
  }
  const upload = new S3Upload(await stubbed(t, handle), 5 * 1024 ** 2)
  await upload.upload(path, location)
  t.equal(bytes, 12 * 1024 ** 2)
  t.equal(aborted, 0)
  await t.rejects(upload.upload(path, location), { code: 'STORAGE_EXISTS' }, 'the object there is of another upload')
  t.equal(aborted, 1)
  isBroken = true
  await t.rejects(upload.upload(path, location), { code: 'STORAGE_DENIED' })
  t.equal(aborted, 2)
})

t.test('files are deleted a thousand at a time, and one that could not be is named', async t => {
  const counts: number[] = []
  let code = ''
  const endpoint = await startStub(t, (_, reply, body) => {
    counts.push(String(body).split('<Key>').length - 1)
    reply.end(`<DeleteResult><Error><Key>gone</Key><Code>NoSuchKey</Code></Error>${code === '' ? '' : `<Error><Key>k/7</Key><Code>${code}</Code><Message>because</Message></Error>`}</DeleteResult>`)
  })
  const storage = openStorage('s3://b', { s3: { ...keys, endpoint, cacheDir: join(folder, 'deletes') } })
  const locations = Array.from({ length: 2500 }, (_, i) => `s3://b/k/${i}`)
  await storage.delete(locations)
  t.same(counts.sort(), [1000, 1000, 500])
  code = 'InternalError'
  await t.rejects(storage.delete(locations.slice(0, 10)), { code: 'STORAGE_UNDELETED', message: /1 of 10 files could not be deleted, the first s3:\/\/b\/k\/7 \(InternalError: because\)/, retryable: true })
  code = 'AccessDenied'
  await t.rejects(storage.delete(locations.slice(0, 10)), { code: 'STORAGE_DENIED', message: /may not delete s3:\/\/b\/k\/7/, retryable: false })
})

t.test('without keys and without a role it says what to set', async t => {
  const names = Object.keys(process.env).filter(name => name.startsWith('AWS_'))
  const kept = names.map(name => [name, process.env[name]] as const)
  for (const name of names) Reflect.deleteProperty(process.env, name)
  Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: 'true', AWS_CONFIG_FILE: join(folder, 'none'), AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none') })
  t.teardown(() => { for (const [name, value] of kept) process.env[name] = value })
  const objects = new S3Objects(new S3Connection({ endpoint: 'http://127.0.0.1:9' }))
  await t.rejects(objects.get('s3://b/k'), { code: 'STORAGE_CREDENTIALS_MISSING', message: /no credentials for s3:\/\/b\/k .*FIRN_S3_ACCESS_KEY_ID/ })
})

t.test('folders of processes that are gone are removed, of those that live never', t => {
  const parent = join(folder, 'copies')
  const names = { ofAnother: `${hostname()}~${process.ppid}~a`, gone: `${hostname()}~999999999~b`, sameNumber: `${hostname()}~${process.pid}~c`, elsewhere: 'other~1~d', elsewhereLongAgo: 'other~1~e', foreign: 'photos' }
  for (const name of Object.values(names)) mkdirSync(join(parent, name), { recursive: true })
  utimesSync(join(parent, names.elsewhereLongAgo), new Date(0), new Date(0))
  const first = new CopyFolder(parent).pathOf('s3://b/x.parquet')
  const second = new CopyFolder(parent).pathOf('s3://b/x.parquet')
  t.match(first, /\.parquet$/)
  t.not(first, second)
  t.same(readdirSync(parent).filter(name => !name.startsWith(`${hostname()}~${process.pid}~`)).sort(), [names.ofAnother, names.elsewhere, names.foreign].sort())
  t.equal(readdirSync(parent).length, 5, 'two of our own')
  t.end()
})

t.test('a copy grows while others read it, is fetched once, and goes when nobody uses it', async t => {
  const path = join(folder, 'source.parquet')
  await withDuckDB(async run => { await run(`COPY (${wideRows}) TO ${quote(path)} (FORMAT parquet, ROW_GROUP_SIZE 20000)`) })
  const bytes = readFileSync(path)
  let fetched = 0
  const near = new NearFiles(new CopyFolder(join(folder, 'near')), {
    get: async (_, range) => {
      await new Promise(resolve => setImmediate(resolve))
      const found = range === undefined ? bytes : 'last' in range ? bytes.subarray(-range.last) : bytes.subarray(range.start, range.start + range.length)
      fetched += found.length
      return { bytes: found, total: bytes.length }
    }
  }, bytes.length)
  const read = async (sql: string) => {
    let rows: unknown[][] = []
    await withDuckDB(async run => { rows = await run(`SELECT ${sql} FROM read_parquet(${quote(near.pathOf('s3://b/w.parquet'))})`) })
    return rows
  }
  const [first, second] = await Promise.all([near.bring(['s3://b/w.parquet'], []), near.bring(['s3://b/w.parquet'], [])])
  t.ok(fetched < 300_000, 'two who ask at once fetch once')
  const releases = [first, second]
  t.same(await read('count(*)::INT'), [[60_000]])
  releases.push(await near.bring(['s3a://b/w.parquet'], ['hour']))
  t.same(await read('max(hour)::INT'), [[59]])
  const once = fetched
  releases.push(await near.bring(['s3://b/w.parquet'], ['hour']))
  t.equal(fetched, once)
  t.ok(once < bytes.length / 3, `${once} of ${bytes.length} bytes`)
  releases.push(await near.bring(['s3://b/w.parquet']))
  t.ok(readFileSync(near.pathOf('s3://b/w.parquet')).equals(bytes))
  releases.push(await near.bring(['s3://b/other']))
  for (const release of releases.slice(2)) await release()
  await second()
  t.ok(readFileSync(near.pathOf('s3://b/w.parquet')).equals(bytes), 'over the bound, but the first still reads it')
  t.throws(() => readFileSync(near.pathOf('s3://b/other')), { code: 'ENOENT' })
  await first()
  near.forget('s3://b/w.parquet')
  t.throws(() => readFileSync(near.pathOf('s3://b/w.parquet')), { code: 'ENOENT' })
})

/** A server that answers as told, and the objects behind it: two attempts, short times. */
async function stubbed(t: Test, handle: Handle, requestMsMax = 5_000): Promise<S3Objects> {
  return new S3Objects(new S3Connection({ ...keys, endpoint: await startStub(t, handle), requestMsMax }, { attemptsMax: 2 }))
}

async function startStub(t: Test, handle: Handle): Promise<string> {
  const server = createServer((request, reply) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => { handle(request, reply, Buffer.concat(chunks)) })
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { server.closeAllConnections(); server.close() })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function refuse(reply: ServerResponse, status: number, code: string): void {
  reply.writeHead(status, { 'content-type': 'application/xml' }).end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>because</Message></Error>`)
}
