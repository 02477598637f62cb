// For tests
// Storage on a real S3 server (TEST_S3, and TEST_MINIO where the runner has one): the suite of every storage, then what only S3
// can get wrong: credentials, permissions, buckets, large files, copies on the local disk.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Sha256 } from '@aws-crypto/sha256-js'
import { CreateBucketCommand, ListMultipartUploadsCommand, PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3'
import { HttpRequest } from '@smithy/protocol-http'
import { SignatureV4 } from '@smithy/signature-v4'
import t, { type Test } from 'tap'
import { listAll, pattern, quote, testStorageBehaviour, wideRows, withDuckDB, writeWhereEngineWould } from './behaviour.ts'
import { openStorage } from './open.ts'
import type { S3Options, Storage } from './storage.ts'

const cacheDir = mkdtempSync(join(tmpdir(), 'firn-s3-test-'))
t.teardown(() => { rmSync(cacheDir, { recursive: true, force: true }) })

const run = crypto.randomUUID().slice(0, 8)
const servers = { TEST_S3: process.env['TEST_S3'], ...(process.env['TEST_MINIO'] === undefined ? {} : { TEST_MINIO: process.env['TEST_MINIO'] }) }
const accessKeyId = process.env['TEST_S3_KEY'] ?? ''
const secretAccessKey = process.env['TEST_S3_SECRET'] ?? ''

for (const [variable, endpoint] of Object.entries(servers)) {
  if (endpoint === undefined || accessKeyId === '' || secretAccessKey === '') {
    t.fail(`${variable}, TEST_S3_KEY and TEST_S3_SECRET must name an S3 server: npm run test:servers starts one and sets them`)
    continue
  }
  const own: S3Options = { endpoint, region: 'us-east-1', pathStyle: true, accessKeyId, secretAccessKey, cacheDir }
  void t.test(`${variable}: the suite of every storage`, async t => {
    await adminOf(endpoint).send(new CreateBucketCommand({ Bucket: 'lake' })).catch(() => undefined)
    let bases = 0
    testStorageBehaviour(t, () => Promise.resolve({ storage: openStorage('s3://lake', { s3: own }), base: `s3://lake/storage-test/${run}/${bases++}`, again: () => openStorage('s3://lake', { s3: own }) }))
  })
  void t.test(`${variable}: what only S3 can get wrong`, async t => { await testS3(t, endpoint, own) })
}

async function testS3(t: Test, endpoint: string, own: S3Options): Promise<void> {
  const storage = openStorage('s3://lake', { s3: own })
  const base = `s3://lake/storage-test/${run}/more`
  const options = (more: S3Options): { s3: S3Options } => ({ s3: { ...own, ...more } })

  await t.test('s3, s3a and s3n name the same file, and a list keeps the name that was asked for', async t => {
    await storage.writeDurably(`${base.replace('s3:', 's3a:')}/spelt/x`, Buffer.from('1'))
    t.equal(String(await storage.read(`${base}/spelt/x`)), '1')
    t.same([...(await listAll(storage, `${base.replace('s3:', 's3n:')}/spelt`)).keys()], [`${base.replace('s3:', 's3n:')}/spelt/x`])
    t.equal(storage.toEnginePath(`${base}/spelt/x`), storage.toEnginePath(`${base.replace('s3:', 's3a:')}/spelt/x`))
  })

  await t.test('our own bytes, sent twice because the first answer was lost, are no conflict', async t => {
    await storage.writeDurably(`${base}/lost-reply`, Buffer.from('mine'))
    await storage.writeDurably(`${base}/lost-reply`, Buffer.from('mine'))
    await t.rejects(storage.writeDurably(`${base}/lost-reply`, Buffer.from('other')), { code: 'STORAGE_EXISTS' })
  })

  await t.test('a list and a delete go on behind the first thousand', async t => {
    const locations = Array.from({ length: 1100 }, (_, i) => `${base}/thousand/${i}`)
    for (let at = 0; at < locations.length; at += 100) await Promise.all(locations.slice(at, at + 100).map(location => storage.writeDurably(location, Buffer.from('x'))))
    t.equal((await listAll(storage, `${base}/thousand`)).size, 1100)
    await storage.delete(locations)
    t.equal((await listAll(storage, `${base}/thousand`)).size, 0)
  })

  await t.test('a large file goes up in parts from the disk and is never overwritten', async t => {
    const location = `${base}/large.bin`
    const bytes = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 256))
    const large = Buffer.concat(Array.from({ length: 17_000 }, () => bytes))
    writeWhereEngineWould(storage, location, large)
    await storage.makeDurable([location])
    t.ok((await storage.read(location)).equals(large))
    t.throws(() => statSync(storage.toEnginePath(location)), { code: 'ENOENT' }, 'the local copy is freed')
    writeWhereEngineWould(storage, location, large)
    await t.rejects(storage.makeDurable([location]), { code: 'STORAGE_EXISTS' })
    t.throws(() => statSync(storage.toEnginePath(location)), { code: 'ENOENT' }, 'and after a failure as well')
    const { Uploads } = await adminOf(endpoint).send(new ListMultipartUploadsCommand({ Bucket: 'lake', Prefix: `storage-test/${run}/more/large` }))
    t.equal(Uploads?.length ?? 0, 0, 'an upload that failed is aborted')
  })

  await t.test('300 MB pass through, up and down, in far less memory', t => {
    const program = `
      import { openStorage } from ${JSON.stringify(join(import.meta.dirname, 'open.ts'))}
      import { createWriteStream, statSync } from 'node:fs'
      import { once } from 'node:events'
      const storage = openStorage('s3://lake', { s3: JSON.parse(process.argv[1]) })
      const location = process.argv[2]
      const file = createWriteStream(storage.toEnginePath(location))
      for (let i = 0; i < 300; i++) if (!file.write(Buffer.alloc(1_000_000, i))) await once(file, 'drain')
      file.end()
      await once(file, 'finish')
      await storage.read(location).catch(() => undefined) // the SDK is loaded
      const before = process.memoryUsage.rss()
      await storage.makeDurable([location])
      const up = process.resourceUsage().maxRSS * 1024 - before
      const release = await storage.bringNear([location])
      const size = statSync(storage.toEnginePath(location)).size
      await release()
      await storage.delete([location])
      console.log(JSON.stringify({ up, down: process.resourceUsage().maxRSS * 1024 - before, size }))`
    const { up, down, size } = JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', program, JSON.stringify(own), `${base}/300-mb`], { encoding: 'utf8' })) as { up: number, down: number, size: number }
    t.comment(`memory on top: ${Math.round(up / 1e6)} MB up, ${Math.round(down / 1e6)} MB with down`)
    t.equal(size, 300_000_000)
    t.ok(up < 150e6, `${Math.round(up / 1e6)} MB on top while uploading`)
    t.ok(down < 150e6, `${Math.round(down / 1e6)} MB on top while downloading`)
    t.end()
  })

  await t.test('of a large file only the columns that are asked for are fetched', async t => {
    const location = `${base}/sparse.parquet`
    await withDuckDB(async run => {
      await run(`COPY (${wideRows}) TO ${quote(storage.toEnginePath(location))} (FORMAT parquet, ROW_GROUP_SIZE 20000)`)
      const size = statSync(storage.toEnginePath(location)).size
      await storage.makeDurable([location])
      const release = await storage.bringNear([location], ['hour'])
      const onDisk = statSync(storage.toEnginePath(location)).blocks * 512
      t.comment(`${Math.round(onDisk / 1024)} of ${Math.round(size / 1024)} KiB`)
      t.equal(statSync(storage.toEnginePath(location)).size, size)
      t.ok(onDisk < size / 3, `${onDisk} of ${size} bytes are on the disk`)
      t.same(await run(`SELECT max(hour)::INT FROM read_parquet(${pattern(storage.toEnginePath(location))})`), [[59]])
      await t.rejects(run(`SELECT max(noise) FROM read_parquet(${pattern(storage.toEnginePath(location))})`), 'a column that is not there is an error, never a wrong value')
      await release()
    })
  })

  await t.test('copies are kept within their bound, but never taken away while in use', async t => {
    const bounded = openStorage('s3://lake', options({ cacheBytesMax: 1_000_000 }))
    const locations = Array.from({ length: 10 }, (_, i) => `${base}/bounded/${i}`)
    for (const location of locations) await storage.writeDurably(location, Buffer.alloc(300_000, location))
    const first = await bounded.bringNear(locations.slice(0, 6))
    for (const location of locations.slice(6)) await (await bounded.bringNear([location]))()
    t.ok(locations.slice(0, 6).every(location => readFileSync(bounded.toEnginePath(location)).length === 300_000))
    await first()
    const folder = join(bounded.toEnginePath(locations[0] as string), '..')
    t.ok(readdirSync(folder).length <= 3, 'three files of 300,000 bytes fit into 1,000,000')
    const last = await bounded.bringNear(locations.slice(9))
    t.equal(readFileSync(bounded.toEnginePath(locations[9] as string)).length, 300_000)
    await last()
  })

  await t.test('credentials from the catalog are used for their prefix and asked for again before they expire', async t => {
    const asked: string[] = []
    const vended = (location: string) => {
      asked.push(location)
      return Promise.resolve({
        prefix: `${base}/vended`,
        config: { 's3.access-key-id': accessKeyId, 's3.secret-access-key': secretAccessKey, 's3.endpoint': endpoint, 'client.region': 'us-east-1', 's3.path-style-access': 'true', 's3.session-token-expires-at-ms': String(Date.now() + 2_000) }
      })
    }
    const lent = openStorage('s3://lake', { s3: { cacheDir, vended } })
    await Promise.all(Array.from({ length: 10 }, (_, i) => lent.writeDurably(`${base}/vended/${i}`, Buffer.from('x'))))
    t.equal(asked.length, 1, 'ten requests at once ask once')
    await new Promise(resolve => setTimeout(resolve, 1_100))
    t.equal(String(await lent.read(`${base}/vended/1`)), 'x')
    t.equal(asked.length, 2, 'half of their life is over: asked again')
    await lent.delete(Array.from({ length: 10 }, (_, i) => `${base}/vended/${i}`))
    t.equal(asked.length, 2)
  })

  await t.test('credentials that the storage refuses are asked for once more', async t => {
    let asked = 0
    const vended = () => Promise.resolve({ prefix: base, config: { 's3.access-key-id': asked++ === 0 ? 'GONE' : accessKeyId, 's3.secret-access-key': secretAccessKey, 's3.session-token-expires-at-ms': String(Date.now() + 3_600_000) } })
    const lent = openStorage('s3://lake', options({ vended }))
    await lent.writeDurably(`${base}/renewed`, Buffer.from('x'))
    t.equal(asked, 2)
    const never = openStorage('s3://lake', options({ vended: () => Promise.resolve({ prefix: base, config: { 's3.access-key-id': 'GONE', 's3.secret-access-key': 'x' } }) }))
    await t.rejects(never.read(`${base}/renewed`), { code: 'STORAGE_CREDENTIALS_WRONG' })
  })

  await t.test('a missing bucket, wrong keys and an endpoint that is away are one sentence each, without a secret', async t => {
    const everything = (each: Storage, at: string): Record<string, () => Promise<unknown>> => ({
      read: () => each.read(`${at}/x`),
      range: () => each.readRange(`${at}/x`, 0, 1),
      size: () => each.size(`${at}/x`),
      write: () => each.writeDurably(`${at}/new-${crypto.randomUUID()}`, Buffer.from('x')),
      list: () => listAll(each, at),
      delete: () => each.delete([`${at}/x`]),
      near: () => each.bringNear([`${at}/x`])
    })
    const secret = 'not-the-secret'
    const cases: [string, Storage, string, { code: string, message?: RegExp, retryable: boolean }][] = [
      ['bucket', storage, `s3://no-such-bucket-${run}`, { code: 'STORAGE_BUCKET_MISSING', message: /bucket no-such-bucket-\w+ does not exist at http/, retryable: false }],
      ['secret', openStorage('s3://lake', options({ secretAccessKey: secret })), base, { code: 'STORAGE_CREDENTIALS_WRONG', message: /does not accept the credentials \(403/, retryable: false }],
      ['key', openStorage('s3://lake', options({ accessKeyId: 'nobody' })), base, { code: 'STORAGE_CREDENTIALS_WRONG', retryable: false }],
      ['away', openStorage('s3://lake', options({ endpoint: 'http://127.0.0.1:9', secretAccessKey: secret })), base, { code: 'STORAGE_UNREACHABLE', message: /the storage at http:\/\/127.0.0.1:9 did not answer \(connect ECONNREFUSED/, retryable: true }]
    ]
    for (const [name, each, at, expected] of cases) {
      await Promise.all(Object.entries(everything(each, at)).map(async ([action, act]) => {
        await t.rejects(act(), expected, `${name}: ${action}`)
        await act().catch((error: unknown) => { t.notMatch((error as Error).message, secret) })
      }))
    }
  })

  await t.test('credentials that may only read say so when they write', async t => {
    const reader = { accessKeyId: `reader${run}`, secretAccessKey: `reader-secret-${run}` }
    const bucket = `readonly-${run}`
    const isMade = await makeReader(endpoint, bucket, reader)
    if (!isMade) { t.comment('this server has no users that an S3 client can make'); return }
    const at = `s3://${bucket}/a`
    await storage.writeDurably(`${at}/x`, Buffer.from('x'))
    const reading = openStorage(`s3://${bucket}`, options(reader))
    t.equal(String(await reading.read(`${at}/x`)), 'x')
    const denied = (action: string) => ({ code: 'STORAGE_DENIED', message: new RegExp(`may not ${action} s3://${bucket}/a`), retryable: false })
    await t.rejects(reading.writeDurably(`${at}/y`, Buffer.from('y')), denied('write'))
    writeWhereEngineWould(reading, `${at}/z`, Buffer.alloc(9_000_000))
    await t.rejects(reading.makeDurable([`${at}/z`]), denied('write'))
    await t.rejects(reading.delete([`${at}/x`]), denied('delete'))
    t.equal(String(await storage.read(`${at}/x`)), 'x')
  })

  await t.test('what a killed process left behind is removed by the next', t => {
    const parent = mkdtempSync(join(cacheDir, 'killed-'))
    const program = `
      import { openStorage } from ${JSON.stringify(join(import.meta.dirname, 'open.ts'))}
      import { writeFileSync } from 'node:fs'
      writeFileSync(openStorage('s3://lake', { s3: { cacheDir: process.argv[1] } }).toEnginePath('s3://lake/x'), 'x')
      if (process.argv[2] === 'kill') process.kill(process.pid, 'SIGKILL')`
    const left = (how: string): string[] => {
      try {
        execFileSync(process.execPath, ['--input-type=module', '-e', program, parent, how])
      } catch {
        // killed
      }
      return readdirSync(parent)
    }
    t.equal(left('kill').length, 1)
    writeFileSync(join(parent, 'somebody else\'s'), '')
    t.same(left('end'), ['somebody else\'s'], 'a process that ends takes its folder along')
    t.end()
  })
}

function adminOf(endpoint: string): S3Client {
  return new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } })
}

/** A bucket, and a user who may only read it. versitygw makes users by a signed request of its own; false where that is unknown. */
async function makeReader(endpoint: string, bucket: string, reader: { accessKeyId: string, secretAccessKey: string }): Promise<boolean> {
  const { hostname, port, protocol, host } = new URL(endpoint)
  const body = `<Account><Access>${reader.accessKeyId}</Access><Secret>${reader.secretAccessKey}</Secret><Role>user</Role></Account>`
  const signer = new SignatureV4({ service: 's3', region: 'us-east-1', credentials: { accessKeyId, secretAccessKey }, sha256: Sha256 })
  const signed = await signer.sign(new HttpRequest({ method: 'PATCH', protocol, hostname, port: Number(port), path: '/create-user', headers: { host }, body }))
  const reply = await fetch(`${endpoint}/create-user`, { method: 'PATCH', headers: signed.headers, body })
  if (!reply.ok) return false
  const admin = adminOf(endpoint)
  await admin.send(new CreateBucketCommand({ Bucket: bucket }))
  await admin.send(new PutBucketPolicyCommand({
    Bucket: bucket,
    Policy: JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: [reader.accessKeyId] }, Action: ['s3:GetObject', 's3:ListBucket'], Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`] }] })
  }))
  return true
}
