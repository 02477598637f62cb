// Keeps away: lines of a file that was written anew and were skipped, because it lay where the old one lay and began like it.
import { appendFile, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { openLog } from '../../log/index.ts'
import { readConfig } from '../../runtime/index.ts'
import { nowMs, readRecords, someEvent } from '../started-gateway.ts'
import { listInputs } from './input-files.ts'
import { Ledger } from './ledger.ts'
import { runFiles, type RunResult } from './run.ts'
import { ingestSettings } from './settings.ts'
import { SourceFile } from './source-file.ts'

/** Runs of the command, each as a process of its own would see the files. */
async function makePlace (t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'firn-replaced-'))
  const inputs = join(folder, 'inputs')
  await mkdir(inputs)
  t.teardown(async () => { await rm(folder, { recursive: true, force: true }) })
  return {
    inputs,
    ledgers: join(folder, 'ingest', 'ingest'),
    path: join(inputs, 'app.ndjson'),
    run: async (files?: string[]): Promise<RunResult> => await runFiles({
      source: 'ingest', config: readConfig('ingest', ingestSettings, { env: { FIRN_DATA_DIR: folder }, argv: [] }), listFiles: async () => files ?? await listInputs(inputs),
      watchMs: null, signal: new AbortController().signal, line: { progressed () {}, clear () {} }, say: sentence => { t.fail(sentence) }, now: () => nowMs
    }),
    /** What landed, in the order of the log. */
    titles: async (): Promise<string[]> => (await records(folder)).map(event => event.title),
    ids: async (): Promise<string[]> => (await records(folder)).map(event => event.event_id)
  }
}

async function records (folder: string): Promise<{ title: string, event_id: string }[]> {
  const log = await openLog(pathToFileURL(join(folder, 'log')).href)
  try {
    return (await readRecords(log, 'ecommerce_events')).map(record => JSON.parse(record.value) as { title: string, event_id: string })
  } finally {
    await log.close()
  }
}

/** Lines that tell themselves apart by their title alone: no id of their own. */
const lines = (...titles: string[]): string => titles.map(title => JSON.stringify(someEvent({ event_id: undefined, title })) + '\n').join('')
const many = (name: string, from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `${name}-${String(from + i).padStart(3, '0')}`)
const counted = (titles: readonly string[]): string[] => [...titles].sort()

t.test('a file that was written anew under its name is taken whole, however it resembles the old one', async t => {
  const old = many('day1', 0, 60)
  const changed = old.with(30, 'other-30')
  const kinds: [string, string[], (path: string, text: string) => Promise<void>][] = [
    ['longer, with the same beginning', [...old.slice(0, 25), ...many('day2', 0, 60)], writeFile],
    ['of the same size', changed, writeFile],
    ['of the same size and time', changed, async (path, text) => {
      const { atime, mtime } = await stat(path)
      await writeFile(path, text)
      await utimes(path, atime, mtime)
    }],
    ['with one line changed in the middle, and others at its end', [...changed, 'new-1'], writeFile],
    ['shorter', many('day2', 0, 3), writeFile],
    ['moved over it', [...changed, 'new-1'], async (path, text) => {
      await writeFile(`${path}.tmp`, text)
      await rename(`${path}.tmp`, path)
    }],
    ['removed and made again', many('day2', 0, 80), async (path, text) => {
      await rm(path)
      await writeFile(path, text)
    }],
    ['truncated and filled beyond where it was', many('day2', 0, 90), async (path, text) => {
      await truncate(path)
      await appendFile(path, text)
    }],
    ['truncated to its first lines and appended to', [...old.slice(0, 10), ...many('day2', 0, 90)], async (path, text) => {
      await truncate(path, lines(...old.slice(0, 10)).length)
      await appendFile(path, text.slice(lines(...old.slice(0, 10)).length))
    }]
  ]
  for (const [what, next, write] of kinds) {
    const place = await makePlace(t)
    await writeFile(place.path, lines(...old))
    await place.run()
    await write(place.path, lines(...next))
    await place.run()
    t.same(counted(await place.titles()), counted([...old, ...next]), what)
    const again = new Set(await place.ids()).size
    t.equal(again, new Set([...old, ...next]).size, `${what}: lines that stand where they stood are the same events`)
    await place.run()
    t.equal((await place.titles()).length, old.length + next.length, `${what}: and only once`)
    await appendFile(place.path, lines('last'))
    await place.run()
    t.equal((await place.titles()).at(-1), 'last', what)
  }
})

t.test('a CSV that is exported anew with the same first rows gives its other rows', async t => {
  const place = await makePlace(t)
  const csv = (...titles: string[]): string => ['event_type,timestamp,title', ...titles.map(title => `page_view,2026-03-01T11:00:00Z,${title}`), ''].join('\n')
  const path = join(place.inputs, 'export.csv')
  await writeFile(path, csv(...many('day1', 0, 60)))
  await place.run()
  await writeFile(path, csv(...many('day1', 0, 25), ...many('day2', 0, 60)))
  await place.run()
  await appendFile(path, 'page_view,2026-03-01T11:00:00Z,last\n')
  await place.run()
  t.same(new Set(await place.titles()), new Set([...many('day1', 0, 60), ...many('day2', 0, 60), 'last']))
  t.equal((await place.titles()).length, 60 + 85 + 1)
})

t.test('a file that holds what it held is the same file, wherever it lies and whatever its dates say', async t => {
  const place = await makePlace(t)
  const text = lines('1', '2', '3')
  await writeFile(place.path, text)
  await place.run()
  await writeFile(place.path, text)
  await utimes(place.path, new Date(0), new Date(0))
  await place.run()
  await rename(place.path, join(place.inputs, 'moved.ndjson'))
  await place.run()
  await copyFile(join(place.inputs, 'moved.ndjson'), join(place.inputs, 'elsewhere.ndjson'))
  await rm(join(place.inputs, 'moved.ndjson'))
  await place.run()
  await appendFile(join(place.inputs, 'elsewhere.ndjson'), lines('4'))
  await place.run()
  t.same(await place.titles(), ['1', '2', '3', '4'])
})

t.test('rotation loses no line and takes none twice', async t => {
  // The rotated file is looked at before or after the new one, by its name.
  for (const rotated of ['app-1.ndjson', 'app.ndjson.1.ndjson']) {
    for (const how of ['copytruncate', 'rename'] as const) {
      const place = await makePlace(t)
      const old = join(place.inputs, rotated)
      await writeFile(place.path, lines('1', '2'))
      await place.run()
      await appendFile(place.path, lines('3'))
      if (how === 'rename') await rename(place.path, old)
      else {
        await copyFile(place.path, old)
        await truncate(place.path)
      }
      await appendFile(place.path, lines('4', '5', '6', '7'))
      await place.run()
      await place.run()
      t.same(counted(await place.titles()), ['1', '2', '3', '4', '5', '6', '7'], `${how} to ${rotated}`)
    }
  }
})

t.test('a link that leads to another file gives that file, and back again nothing', async t => {
  const place = await makePlace(t)
  const days = await mkdtemp(join(tmpdir(), 'firn-days-'))
  t.teardown(async () => { await rm(days, { recursive: true, force: true }) })
  await writeFile(join(days, 'day1'), lines('1', '2'))
  await writeFile(join(days, 'day2'), lines('3', '4', '5'))
  const link = join(place.inputs, 'current.ndjson')
  for (const day of ['day1', 'day2', 'day1', 'day2']) {
    await rm(link, { force: true })
    await symlink(join(days, day), link)
    await place.run()
  }
  await appendFile(join(days, 'day2'), lines('6'))
  await place.run()
  await rm(link)
  await symlink(join(days, 'nowhere'), link)
  await place.run()
  t.same(await place.titles(), ['1', '2', '3', '4', '5', '6'])
})

t.test('two files of the same bytes are two files', async t => {
  const place = await makePlace(t)
  await writeFile(place.path, lines('1'))
  await place.run()
  await copyFile(place.path, join(place.inputs, 'copy.ndjson'))
  await place.run()
  t.same(await place.titles(), ['1', '1'])
  t.equal(new Set(await place.ids()).size, 2)
})

t.test('progress that an older release wrote goes on', async t => {
  const place = await makePlace(t)
  await writeFile(place.path, lines('1', '2'))
  await place.run()
  const [name] = (await listLedgers(place.ledgers)) as [string]
  const { consumed: _, ctimeMs: __, name: ___, ...older } = JSON.parse(await readFile(name, 'utf8')) as Record<string, unknown>
  await writeFile(name, JSON.stringify(older))
  await appendFile(place.path, lines('3'))
  await place.run()
  await writeFile(place.path, lines('1', 'x', '3'))
  await place.run()
  t.same(await place.titles(), ['1', '2', '3', '1', 'x', '3'])
})

t.test('an event_id of null is none, in whatever spelling; so is a list of events', async t => {
  const place = await makePlace(t)
  const { event_id: _, ...rest } = someEvent({ title: 'x' })
  await writeFile(place.path, [`{"event_id":null,${JSON.stringify(rest).slice(1)}`, `${JSON.stringify(rest).slice(0, -1)},"event\\u005fid":null}`].join('\n'))
  await writeFile(join(place.inputs, 'list.json'), `{"\\u0065ve\\u006Ets" : [${JSON.stringify(rest)},${JSON.stringify(rest)}]}`)
  const { delivered } = await place.run()
  t.same(delivered.map(file => [file.accepted, file.rejected]), [[2, 0], [2, 0]])
  t.equal(new Set(await place.ids()).size, 4)
})

t.test('times are read in either case, in CSV and JSON alike', async t => {
  const place = await makePlace(t)
  await writeFile(place.path, JSON.stringify(someEvent({ timestamp: '2026-03-01t11:00:00.5z', title: 'json' })) + '\n' + JSON.stringify(someEvent({ timestamp: '2026-03-01t24:00:00z' })) + '\n')
  await writeFile(join(place.inputs, 'table.csv'), 'event_id,event_type,timestamp,title\nc1,page_view,2026-03-01t13:00:00+02:00,csv\nc2,page_view,2026-02-29t11:00:00z,no\nc3,page_view,2026-03-01t11:00:60z,no\n')
  const { delivered } = await place.run()
  t.same(delivered.map(file => [file.accepted, file.rejected]), [[1, 1], [1, 2]])
})

t.test('the fingerprint is that of the bytes, whatever is read first and however long a line is', async t => {
  const folder = t.testdir({})
  const path = join(folder, 'long')
  await writeFile(path, Buffer.concat([Buffer.from('short\n'), Buffer.alloc(9 * 1024 * 1024, 'x'), Buffer.from('\nend\n')]))
  const { size } = await stat(path)
  const file = await SourceFile.open(path)
  const digestAt = async (end: number): Promise<string | null> => {
    const other = await SourceFile.open(path)
    return await other.readThrough(end).finally(() => other.close())
  }
  file.take(6)
  for await (const _ of file.chunks(3)) if (file.fingerprint(6) !== await digestAt(6)) t.fail('the place of the last line is known while a long line is read')
  for (const end of [size - 4, size]) {
    file.take(end)
    t.equal(file.fingerprint(end), await digestAt(end))
  }
  t.equal(await file.readThrough(size + 1), null)
  await file.close()
})

t.test('a large file that grows in place is not read through at every look, and once in a while it is', async t => {
  const folder = t.testdir({})
  const ledger = await Ledger.open(join(folder, 'ledger'), { readThroughBytes: 10 })
  const path = join(folder, 'log')
  /** Takes all of the file; whether it was read through. */
  const look = async (): Promise<string> => {
    const file = await SourceFile.open(path)
    const progress = await ledger.find(file)
    const how = progress.offset === 0 ? 'anew' : file.resumed ? 'resumed' : 'read through'
    for await (const _ of file.chunks(progress.offset)) file.take(file.stats.size)
    progress.offset = file.stats.size
    progress.consumed = file.fingerprint(progress.offset)
    ledger.leave(progress, file, true)
    await file.close()
    return how
  }
  await writeFile(path, '0123456789abcdefghij')
  t.equal(await look(), 'anew')
  await appendFile(path, 'klm')
  t.equal(await look(), 'resumed')
  await appendFile(path, 'nopqrstuvwxyz')
  t.equal(await look(), 'resumed')
  await appendFile(path, '!')
  t.equal(await look(), 'read through', 'it grew by half since')
  await writeFile(path, '0123456789abcdefghijklmnopqrstuvwxyZ!!!')
  t.equal(await look(), 'anew', 'the bytes before the place are others')
})

async function listLedgers (folder: string): Promise<string[]> {
  return (await readdir(folder)).filter(name => name.endsWith('.json')).map(name => join(folder, name))
}
