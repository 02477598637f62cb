/** What was answered with 200 is there after kill -9; what the disk refused was never answered with 200; one process owns the state. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { startCatalog, spawnCatalog, tableRequest, type Client } from './started-catalog.ts'

const killRounds = 3
const table = '/v1/namespaces/db/tables/t'

const has = (tool: string) => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0
const count = (n: number, text = '') => ({ requirements: [], updates: [{ action: 'set-properties', updates: { n: String(n), text } }] })

/** Commits 1, 2, 3 … until the server is gone; returns the last one that was answered with 200, and the statuses of the others. */
async function commitOn(call: Client, from: number, commits = Infinity, landed: (n: number) => void = () => {}): Promise<{ last: number, others: number[] }> {
  let last = from
  const others: number[] = []
  for (let n = from + 1; n <= from + commits; n++) {
    const answer = await call('POST', table, count(n)).catch(() => null)
    if (answer === null) break
    if (answer.status !== 200) { others.push(answer.status); continue }
    last = n
    landed(n)
  }
  return { last, others }
}

t.test('kill -9 at any moment loses no commit that was answered, and leaves every table readable', { timeout: 60_000 }, async t => {
  const dataDir = t.testdir()
  let last = 0
  for (let round = 0; round <= killRounds; round++) {
    const { child, call, exited, errors } = await spawnCatalog(dataDir)
    if (round === 0) await call('POST', '/v1/namespaces/db/tables', tableRequest('t', { 'write.metadata.delete-after-commit.enabled': 'true', 'write.metadata.previous-versions-max': '5' }))
    const { status, body } = await call('GET', table)
    t.equal(status, 200, errors())
    const found = Number(body.metadata.properties.n ?? 0)
    t.ok(found === last || found === last + 1, `answered up to ${last}, found ${found}`)
    t.ok(existsSync(fileURLToPath(body['metadata-location'])))
    for (const entry of body.metadata['metadata-log']) t.ok(existsSync(fileURLToPath(entry['metadata-file'])), 'what the log names is there')
    const end = found + 2 + Math.floor(Math.random() * 8)
    // A commit takes some milliseconds: the death falls anywhere inside the next ones.
    last = (await commitOn(call, found, Infinity, n => { if (n === end) setTimeout(() => child.kill(round < killRounds ? 'SIGKILL' : 'SIGTERM'), Math.random() * 12) })).last
    t.ok(last >= end)
    await exited
  }
})

t.test('a second server on the same folder is refused with a sentence', async t => {
  const dataDir = t.testdir()
  const first = await startCatalog(dataDir)
  const second = await spawnCatalog(dataDir)
  t.equal(await second.exited, 1)
  t.match(second.errors(), /catalog\.sqlite is in use by another process: stop the other catalog server, or give this one a FIRN_DATA_DIR of its own/)
  t.equal((await first.call('GET', '/readyz')).status, 200)
  await first.close()
  await (await startCatalog(dataDir)).close()
})

t.test('a port in use and a damaged state are named in a sentence', async t => {
  const dataDir = t.testdir()
  const first = await startCatalog(dataDir)
  t.teardown(() => first.close())
  await t.rejects(startCatalog(join(dataDir, 'other'), { port: Number(new URL(first.url).port) }), { message: /port \d+ on 127\.0\.0\.1 is in use by another process: .*FIRN_CATALOG_PORT/ })
  const damaged = t.testdir({ damaged: { catalog: { 'catalog.sqlite': 'not a database at all, but long enough to be taken for one at first sight: '.repeat(20) } } })
  await t.rejects(startCatalog(join(damaged, 'damaged')), { message: /catalog\.sqlite cannot be opened \(.*not a database.*restore the file from a backup/ })
})

t.test('a state file that was cut off is refused, not guessed', async t => {
  const dataDir = t.testdir()
  const first = await startCatalog(dataDir)
  for (let index = 0; index < 40; index++) await first.call('POST', '/v1/namespaces', { namespace: [`n${index}`], properties: { text: 'x'.repeat(900) } })
  await first.close()
  const file = join(dataDir, 'catalog/catalog.sqlite')
  copyFileSync(file, `${file}.copy`)
  truncateSync(file, Math.floor(statSync(file).size / 2 / 4096) * 4096)
  await t.rejects(startCatalog(dataDir), { message: /catalog\.sqlite cannot be opened/ })
  copyFileSync(`${file}.copy`, file)
  const again = await startCatalog(dataDir)
  t.equal((await again.call('GET', '/v1/namespaces')).body.namespaces.length, 40)
  await again.close()
})

t.test('while the disk refuses the state, no commit is answered with 200, and none of them is lost or half there', { skip: has('prlimit') ? false : 'needs prlimit', timeout: 30_000 }, async t => {
  const dataDir = t.testdir()
  // No file may grow over this: the write-ahead log meets it after some commits, the metadata files never do.
  const { call, exited, errors } = await spawnCatalog(dataDir, ['sh', '-c', 'trap "" XFSZ; exec prlimit --fsize=120000 "$@"', 'sh'])
  t.equal((await call('POST', '/v1/namespaces/db/tables', tableRequest('t'))).status, 200)
  const { last, others } = await commitOn(call, 0, 60)
  t.ok(others.length > 0, 'the limit was met')
  t.ok(others.every(status => status >= 500), `answers: ${others.join(' ')}`)
  t.equal(await exited, 1, 'the process ends, so that a new one starts from what is on the disk')
  t.match(errors(), /^$|state/)
  const again = await startCatalog(dataDir)
  t.teardown(() => again.close())
  const found = Number((await again.call('GET', table)).body.metadata.properties.n)
  t.ok(found === last || found === last + 1, `answered up to ${last}, found ${found}`)
})

t.test('while fsync fails, no commit is answered with 200', { skip: has('fiu-run') ? false : 'needs fiu-run', timeout: 30_000 }, async t => {
  const dataDir = t.testdir()
  const first = await startCatalog(dataDir)
  await first.call('POST', '/v1/namespaces/db/tables', tableRequest('t'))
  const before = (await first.call('GET', table)).body
  await first.close()
  const { child, call, exited } = await spawnCatalog(dataDir, ['fiu-run', '-x'])
  const control = (words: string) => spawnSync('fiu-ctrl', ['-c', words, String(child.pid)], { encoding: 'utf8' })
  for (const call of ['fsync', 'fdatasync']) control(`enable name=posix/io/sync/${call}`)
  const answer = await call('POST', table, count(1)).catch(() => ({ status: 0, body: null }))
  t.ok(answer.status >= 500, `status ${answer.status}`)
  t.equal(answer.body?.error?.type, 'CommitStateUnknownException')
  child.kill('SIGKILL')
  await exited
  const again = await startCatalog(dataDir)
  t.teardown(() => again.close())
  const after = (await again.call('GET', table)).body
  t.equal(after['metadata-location'], before['metadata-location'])
  t.equal(readdirSync(join(fileURLToPath(before.metadata.location), 'metadata')).length, 1, 'the file of the refused commit is gone')
})

t.test('where one fsync in ten fails, metadata files or pointers alike, what was answered with 200 is there', { skip: has('fiu-run') ? false : 'needs fiu-run', timeout: 30_000 }, async t => {
  const dataDir = t.testdir()
  let last = 0
  let refused = 0
  for (let round = 0; round < 3; round++) {
    const { child, call, exited, errors } = await spawnCatalog(dataDir, ['fiu-run', '-x'])
    if (round === 0) await call('POST', '/v1/namespaces/db/tables', tableRequest('t'))
    const found = Number((await call('GET', table)).body.metadata.properties.n ?? 0)
    t.ok(found >= last && found <= last + refused, `answered up to ${last}, then ${refused} refused, found ${found} ${errors()}`)
    spawnSync('fiu-ctrl', ['-c', 'enable_random name=posix/io/sync/fsync,probability=0.1', String(child.pid)])
    const { last: reached, others } = await commitOn(call, found, 60)
    last = reached
    refused = others.length + 1
    t.ok(others.length > 0 && others.every(status => status >= 500), `answers: ${others.join(' ')}`)
    child.kill('SIGKILL')
    await exited
  }
})

t.test('a folder that cannot be written is named before the server listens', async t => {
  const dataDir = t.testdir()
  writeFileSync(join(dataDir, 'catalog'), 'a file where the folder should be')
  await t.rejects(startCatalog(dataDir), { message: /cannot be made/ })
})
