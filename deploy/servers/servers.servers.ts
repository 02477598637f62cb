// What the servers promise to the tests that stand on them: a stale version loses in Glue, a reader cannot write to S3,
// a frozen server answers again after it is resumed, and a stopped one is gone.

import t from 'tap'
import { GlueClient, CreateDatabaseCommand, CreateTableCommand, GetTableCommand, UpdateTableCommand } from '@aws-sdk/client-glue'
import { ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { identityOf, isRunning } from '../../runtime/index.ts'
import { startServer } from './index.ts'

function address (name: string): string {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is not set: run this file with npm run test:servers`)
  return value
}

t.test('of eight updates of one Glue table with the same version id, one wins', async t => {
  const credentials = { accessKeyId: 'x', secretAccessKey: 'x' }
  const glue = new GlueClient({ endpoint: address('TEST_GLUE'), region: 'us-east-1', credentials, maxAttempts: 1 })
  const database = `locks_${Date.now()}`
  await glue.send(new CreateDatabaseCommand({ DatabaseInput: { Name: database.toUpperCase() } }))
  await glue.send(new CreateTableCommand({ DatabaseName: database, TableInput: { Name: 'One' } }))
  const before = await glue.send(new GetTableCommand({ DatabaseName: database, Name: 'one' }))
  t.equal(before.Table?.VersionId, '0', 'the first version is 0, as in AWS')
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, async (_, at) =>
    await glue.send(new UpdateTableCommand({ DatabaseName: database, VersionId: '0', TableInput: { Name: 'one', Parameters: { winner: String(at) } } }))))
  t.equal(outcomes.filter(one => one.status === 'fulfilled').length, 1)
  for (const one of outcomes) if (one.status === 'rejected') t.equal((one.reason as Error).name, 'ConcurrentModificationException')
  const after = await glue.send(new GetTableCommand({ DatabaseName: database, Name: 'one' }))
  t.equal(after.Table?.VersionId, '1')
  t.equal(after.Table?.Parameters?.winner, String(outcomes.findIndex(one => one.status === 'fulfilled')))
  glue.destroy()
})

t.test('a user of the S3 server who may only read cannot write', async t => {
  const credentials = { accessKeyId: address('TEST_S3_READER_KEY'), secretAccessKey: address('TEST_S3_READER_SECRET') }
  const s3 = new S3Client({ endpoint: address('TEST_S3'), region: 'us-east-1', credentials, forcePathStyle: true })
  t.resolves(s3.send(new ListObjectsV2Command({ Bucket: 'lake' })))
  await t.rejects(s3.send(new PutObjectCommand({ Bucket: 'lake', Key: 'refused', Body: 'x' })), { name: 'AccessDenied' })
  s3.destroy()
})

t.test('a server is frozen, goes on, is stopped, and starts again on its port with what it kept', async t => {
  const dir = t.testdir()
  const first = await startServer('s3', { dir })
  const health = async (msMax = 10_000): Promise<number> => (await fetch(`${first.url}/healthz`, { signal: AbortSignal.timeout(msMax) })).status
  t.equal(await health(), 200)
  first.pause()
  // The signal takes effect a moment after it was sent.
  let frozen = false
  for (const endMs = Date.now() + 10_000; !frozen && Date.now() < endMs;) frozen = await health(300).then(() => false, () => true)
  t.ok(frozen, 'nothing answers while it is frozen')
  first.resume()
  t.equal(await health(), 200)
  const write = new S3Client({ endpoint: first.url, region: 'us-east-1', credentials: { accessKeyId: 'lakekey', secretAccessKey: 'lakesecret12' }, forcePathStyle: true })
  await write.send(new PutObjectCommand({ Bucket: 'lake', Key: 'kept', Body: 'x' }))
  await t.rejects(startServer('s3', { dir: `${dir}/other`, port: first.port }), { code: 'SERVER_PORT_IN_USE' })
  await first.stop('SIGKILL')
  t.notOk(isRunning(identityOf(first.pid)))
  const second = await startServer('s3', { dir, port: first.port })
  t.equal((await write.send(new ListObjectsV2Command({ Bucket: 'lake' }))).Contents?.[0]?.Key, 'kept')
  write.destroy()
  await second.stop()
})

t.test('a server that cannot start says why', async t => {
  await t.rejects(startServer('kafka', { dir: t.testdir(), settings: { heapMiB: 1 } }), { code: 'SERVER_DIED', message: /kafka ended \(exit code 1\) before it was ready: its last words were ".*heap/ })
})
