// npm run test:durability: what kill −9 cannot show, because the page cache outlives a process. The real services run with
// syncs that fail or take long, and with a record of which file reached the disk when:
//   no 202 leaves the gateway before its sync succeeded, and none at all while syncs fail;
//   no snapshot becomes visible before each of its files, and the metadata that names them, is on disk;
//   after the disk is well again and the services were restarted, every 202 is a row, once.
// Ends with a line `N passed, N failed`. Linux, gcc and fiu-utils are needed.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectCatalog, openStorage, scanFiles } from '../../catalog/index.ts'
import { currentSnapshot, filesReadable, rowsById } from './table.ts'
import { startLine, type Line, type LineOptions } from '../line.ts'
import { breakable, failSyncs, healSyncs, watchSyncs, type SyncWatch } from './faults.ts'

const delayMs = 400
const commitMsMax = 30_000
const events = { namespace: ['firn'], name: 'events' }
const often = { FIRN_WRITER_COMMIT_INTERVAL_MS: '300' }

let passed = 0
let failed = 0
const check = (sentence: string, ok: boolean, detail: unknown = ''): void => {
  if (ok) passed++
  else failed++
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${sentence}${ok ? '' : `: ${String(detail)}`}`)
}

await scenario('the gateway on a disk whose syncs fail', gatewayOnFailingDisk)
await scenario('the gateway on a slow disk', gatewayOnSlowDisk)
await scenario('the writer on a disk whose syncs fail', writerOnFailingDisk)
await scenario('the catalog on a disk whose syncs fail', catalogOnFailingDisk)
await scenario('what is on disk when a snapshot becomes visible', orderOfSyncs)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

async function scenario (name: string, run: (dir: string) => Promise<void>): Promise<void> {
  console.log(name)
  const dir = mkdtempSync(join(tmpdir(), 'firn-durability-'))
  try {
    await run(dir)
  } catch (error) {
    check('the scenario came to its end', false, error instanceof Error ? error.stack : error)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

async function withLine (dir: string, options: Omit<LineOptions, 'dataDir'>, run: (line: Line) => Promise<void>): Promise<void> {
  const line = await startLine({ dataDir: join(dir, 'data'), ...options, settings: { ...options.settings, writer: { ...often, ...options.settings?.writer } } })
  try {
    await run(line)
  } finally {
    await line.stop()
  }
}

async function gatewayOnFailingDisk (dir: string): Promise<void> {
  await withLine(dir, { prefix: { gateway: breakable(dir, 'gateway') } }, async line => {
    const gateway = await line.start('gateway')
    const acknowledged: string[] = []
    if (await post(line, 'before') === 202) acknowledged.push('before')
    check('a healthy gateway answers 202', acknowledged.length === 1)
    failSyncs(dir, 'gateway', gateway.pid as number)
    const ids = Array.from({ length: 20 }, (_, i) => `broken-${i}`)
    const answers = await Promise.all(ids.map(id => post(line, id)))
    check('no 202 leaves while syncs fail', answers.every(status => status !== 202), answers)
    check('the answer is 503, so that the client sends again', answers.every(status => status === 503 || status === 0), answers)
    if (line.process('gateway') !== undefined) healSyncs(dir, 'gateway', gateway.pid as number)
    const later = await post(line, 'after-a-failed-sync')
    if (later === 202) acknowledged.push('after-a-failed-sync')
    await line.kill('gateway', 'SIGKILL')
    await line.start('gateway')
    if (await post(line, 'restarted') === 202) acknowledged.push('restarted')
    check('after a restart on a healthy disk it answers 202 again', acknowledged.includes('restarted'))
    await line.start('catalog')
    await line.start('writer')
    const rows = await untilIds(line, acknowledged)
    check('every 202 is a row, once', acknowledged.every(id => rows.get(id) === 1), JSON.stringify([...rows]))
  })
}

async function gatewayOnSlowDisk (dir: string): Promise<void> {
  const watch = watchSyncs(dir, 'gateway')
  await withLine(dir, { settings: { gateway: watch.env } }, async line => {
    await line.start('gateway')
    await post(line, 'warm')
    watch.delay(delayMs)
    const timings = await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      await new Promise(resolve => setTimeout(resolve, i * 25))
      const start = performance.now()
      const status = await post(line, `slow-${i}`)
      return { status, ms: performance.now() - start }
    }))
    watch.delay(0)
    const quickest = Math.min(...timings.map(t => t.ms))
    check(`no 202 leaves before a sync of ${delayMs} ms that began after its request (quickest: ${Math.round(quickest)} ms)`, quickest >= delayMs)
    check('all of them are accepted in the end', timings.every(t => t.status === 202), timings.map(t => t.status))
    const slowest = Math.max(...timings.map(t => t.ms))
    check(`syncs are shared: 20 requests wait for few of them (slowest: ${Math.round(slowest)} ms)`, slowest < delayMs * 10)
  })
}

async function writerOnFailingDisk (dir: string): Promise<void> {
  await withLine(dir, { prefix: { writer: breakable(dir, 'writer') } }, async line => {
    await startAll(line)
    await post(line, 'first')
    await untilIds(line, ['first'])
    const before = await currentSnapshot(line)
    failSyncs(dir, 'writer', line.process('writer')?.pid as number)
    for (let i = 0; i < 10; i++) await post(line, `unsynced-${i}`)
    await new Promise(resolve => setTimeout(resolve, 3_000))
    check('no snapshot is committed while the writer cannot sync', await currentSnapshot(line) === before)
    await line.kill('writer', 'SIGKILL')
    await line.start('writer')
    const wanted = Array.from({ length: 10 }, (_, i) => `unsynced-${i}`)
    const rows = await untilIds(line, wanted)
    check('after a restart on a healthy disk every 202 is a row, once', wanted.every(id => rows.get(id) === 1), JSON.stringify([...rows]))
    check('every file of the table is readable', await filesReadable(line) > 0)
  })
}

async function catalogOnFailingDisk (dir: string): Promise<void> {
  await withLine(dir, { prefix: { catalog: breakable(dir, 'catalog') } }, async line => {
    await startAll(line)
    await post(line, 'first')
    await untilIds(line, ['first'])
    failSyncs(dir, 'catalog', line.process('catalog')?.pid as number)
    for (let i = 0; i < 10; i++) await post(line, `unsynced-${i}`)
    await new Promise(resolve => setTimeout(resolve, 2_000))
    await line.kill('catalog', 'SIGKILL')
    await line.start('catalog')
    if (line.process('writer') === undefined) await line.start('writer')
    const wanted = ['first', ...Array.from({ length: 10 }, (_, i) => `unsynced-${i}`)]
    const rows = await untilIds(line, wanted)
    check('commits that the catalog could not make durable are made once after it is well', wanted.every(id => rows.get(id) === 1), JSON.stringify([...rows]))
    check('every file of the table is readable', await filesReadable(line) > 0)
  })
}

/** Every file that a snapshot names was synced by the writer before the catalog synced the metadata that names the snapshot. */
async function orderOfSyncs (dir: string): Promise<void> {
  const [writer, catalog] = [watchSyncs(dir, 'writer'), watchSyncs(dir, 'catalog')]
  await withLine(dir, { settings: { writer: writer.env, catalog: catalog.env } }, async line => {
    await startAll(line)
    const ids: string[] = []
    for (let i = 0; i < 30; i++) {
      ids.push(`ordered-${i}`)
      await post(line, `ordered-${i}`)
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    await untilIds(line, ids)
    await checkOrder(line, writer, catalog)
  })
}

async function checkOrder (line: Line, writer: SyncWatch, catalog: SyncWatch): Promise<void> {
  const table = await connectCatalog(line.catalogUrl).loadTable(events)
  const storage = openStorage(line.warehouseUrl)
  const [byWriter, byCatalog] = [writer.synced(), catalog.synced()]
  const metadataFile = fileURLToPath(table.metadataLocation as string)
  const visible = byCatalog.get(metadataFile)?.[0]
  check('the catalog synced the current metadata file', visible !== undefined, metadataFile)
  check('and its folder', [...byCatalog.keys()].some(path => path === metadataFile.slice(0, metadataFile.lastIndexOf('/'))))
  const pointer = [...byCatalog].filter(([path]) => path.includes('/catalog/')).flatMap(([, times]) => times)
  check('and then its own state', visible !== undefined && pointer.some(time => time > visible))
  const { files } = await scanFiles(storage, table)
  const named = [
    ...files.map(file => file.location),
    ...table.metadata.snapshots.map(snapshot => snapshot['manifest-list'])
  ].map(location => fileURLToPath(location))
  const notSynced = named.filter(path => !(byWriter.get(path)?.some(time => time < (visible ?? 0)) ?? false))
  check(`each of ${named.length} data files and manifest lists was synced before that`, notSynced.length === 0, notSynced.slice(0, 3))
  const folders = new Set(named.map(path => path.slice(0, path.lastIndexOf('/'))))
  const notSyncedFolders = [...folders].filter(path => !byWriter.has(path))
  check(`and each of their ${folders.size} folders`, notSyncedFolders.length === 0, notSyncedFolders.slice(0, 3))
}

async function startAll (line: Line): Promise<void> {
  await line.start('catalog')
  await line.start('gateway')
  await line.start('writer')
}

/** The status of one event's answer; 0 when there was none. */
async function post (line: Line, id: string): Promise<number> {
  try {
    const response = await fetch(`${line.gatewayUrl}/v1/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ event_id: id, event_type: 'page_view', timestamp: new Date().toISOString(), session_id: id }),
      signal: AbortSignal.timeout(15_000)
    })
    await response.arrayBuffer()
    return response.status
  } catch {
    return 0
  }
}

/** Waits until all ids are in the table, or the time is over; returns event_id → rows. */
async function untilIds (line: Line, ids: readonly string[]): Promise<Map<string, number>> {
  const end = Date.now() + commitMsMax
  for (;;) {
    const rows = await rowsById(line)
    if (ids.every(id => rows.has(id)) || Date.now() > end) return rows
    await new Promise(resolve => setTimeout(resolve, 300))
  }
}
