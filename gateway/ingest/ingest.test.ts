import { appendFile, mkdtemp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { openLog } from '../../log/index.ts'
import { readConfig, takeLock, until } from '../../runtime/index.ts'
import { nowMs, readRecords, someEvent, type StoredRecord } from '../started-gateway.ts'
import { listInputs } from './input-files.ts'
import { Ledger } from './ledger.ts'
import { runFiles, type RunResult } from './run.ts'
import { ingestSettings } from './settings.ts'

interface Place {
  readonly inputs: string
  run(options?: Partial<Parameters<typeof runFiles>[0]> & { settings?: Record<string, string> }): Promise<RunResult>
  records(): Promise<StoredRecord[]>
  readonly said: string[]
}

async function makePlace (t: { after: (fn: () => Promise<void>) => unknown }): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'firn-ingest-'))
  const inputs = join(folder, 'inputs')
  await mkdir(inputs)
  t.after(async () => { await rm(folder, { recursive: true, force: true }) })
  const said: string[] = []
  return {
    inputs,
    said,
    async run ({ settings, ...options } = {}) {
      const config = readConfig('ingest', ingestSettings, { env: { FIRN_DATA_DIR: folder, ...settings }, argv: [] })
      return await runFiles({
        source: 'ingest', config, listFiles: async () => await listInputs(inputs), watchMs: null, signal: new AbortController().signal,
        line: { progressed () {}, clear () {} }, say: sentence => { said.push(sentence) }, now: () => nowMs, ...options
      })
    },
    async records () {
      const log = await openLog(pathToFileURL(join(folder, 'log')).href)
      try {
        return await readRecords(log, 'ecommerce_events')
      } finally {
        await log.close()
      }
    }
  }
}

const idsOf = (records: StoredRecord[]): string[] => records.map(record => JSON.parse(record.value).event_id as string).sort()
const lines = (...ids: string[]): string => ids.map(id => JSON.stringify(someEvent({ event_id: id })) + '\n').join('')

t.test('JSON in its shapes, NDJSON and CSV land, marked with their source', async t => {
  const place = await makePlace(t)
  const events = (...ids: string[]): object[] => ids.map(event_id => someEvent({ event_id, title: 'a "]" {, b' }))
  await writeFile(join(place.inputs, 'array.json'), '\ufeff' + JSON.stringify(events('a1', 'a2'), null, 2))
  await writeFile(join(place.inputs, 'wrapped.json'), JSON.stringify({ events: events('w1', 'w2') }))
  await writeFile(join(place.inputs, 'one.json'), JSON.stringify(someEvent({ event_id: 'o1' }), null, 2))
  await writeFile(join(place.inputs, 'lines.json'), lines('l1', 'l2'))
  await mkdir(join(place.inputs, 'deeper'))
  await writeFile(join(place.inputs, 'deeper', 'more.ndjson'), '\r\n' + lines('n1', 'n2').replaceAll('\n', '\r\n').trimEnd())
  await writeFile(join(place.inputs, 'table.csv'), 'event_id;event_type;timestamp;unit_price;quantity;order_id;location.country;gift\r\n' +
    'c1;order_created;2026-03-01T11:00:00Z;19.90;2;ord-1;Österreich;"yes; ""wrapped"""\r\nc2;order_created;2026-03-01T11:00:00Z;;;ord-2;;\r\n')
  const result = await place.run()
  const records = await place.records()
  t.same(idsOf(records), ['a1', 'a2', 'c1', 'c2', 'l1', 'l2', 'n1', 'n2', 'o1', 'w1', 'w2'])
  t.same(result.delivered.reduce((sum, file) => sum + file.rejected, 0), 0)
  t.ok(records.every(record => record.headers.source === 'ingest' && record.headers.received_at === `${nowMs}000`))
  const c1 = records.find(record => record.value.includes('"c1"'))
  t.same(JSON.parse(c1?.value ?? ''), {
    event_id: 'c1', event_type: 'order_created', timestamp: '2026-03-01T11:00:00Z', unit_price: '19.90', quantity: 2, order_id: 'ord-1',
    location: { country: 'Österreich' }, gift: 'yes; "wrapped"'
  })
  t.same((await place.run()).unchanged, 6, 'a second run finds nothing new')
  t.equal((await place.records()).length, 11)
})

t.test('only what was added to a file is read, and a renamed file is the same file', async t => {
  const place = await makePlace(t)
  const path = join(place.inputs, 'app.ndjson')
  await writeFile(path, lines('1', '2'))
  await place.run()
  await appendFile(path, lines('3'))
  await place.run()
  await rename(path, join(place.inputs, 'app-old.ndjson'))
  await writeFile(path, lines('4'))
  await place.run()
  t.same(idsOf(await place.records()), ['1', '2', '3', '4'])
})

t.test('bad lines are reported once with code, message and line, and cost themselves only', async t => {
  const place = await makePlace(t)
  const path = join(place.inputs, 'app.ndjson')
  await writeFile(path, lines('1') + '{"event_id":"x"\n' + JSON.stringify(someEvent({ event_id: 'old', timestamp: '2020-01-01T00:00:00Z' })) + '\n' + 'x'.repeat(200_000) + '\n' + lines('2'))
  await writeFile(join(place.inputs, 'table.csv'), 'event_id,event_type,timestamp\nc1,page_view,2026-03-01T11:00:00Z\nc2,page_view\nc3,"pa"ge,x\nc5,"page_view,x\nc4,page_view,2026-03-01T11:00:00Z\n')
  const result = await place.run()
  t.same(idsOf(await place.records()), ['1', '2', 'c1', 'c4'])
  t.equal(result.delivered.reduce((sum, file) => sum + file.rejected, 0), 6)
  const report = (await readFile(path + '.rejected.ndjson', 'utf8')).trimEnd().split('\n').map(line => JSON.parse(line))
  t.same(report.map(line => line.code), ['EVENT_NOT_JSON', 'EVENT_TIMESTAMP_OUT_OF_WINDOW', 'INGEST_LINE_TOO_LARGE'])
  t.equal(report[0].line, '{"event_id":"x"')
  await appendFile(path, 'nonsense\n')
  await place.run()
  t.equal((await readFile(path + '.rejected.ndjson', 'utf8')).trimEnd().split('\n').length, 4)
})

t.test('import takes history of any age', async t => {
  const place = await makePlace(t)
  const path = join(place.inputs, 'history.ndjson')
  await writeFile(path, JSON.stringify(someEvent({ event_id: 'old', timestamp: '2020-01-01T00:00:00Z' })))
  await place.run({ source: 'import', listFiles: async () => [path] })
  t.same((await place.records()).map(record => record.headers.source), ['import'])
})

t.test('a crash between the append and the ledger repeats lines with the same event_ids, and reports the bad ones once', async t => {
  const place = await makePlace(t)
  const path = join(place.inputs, 'app.ndjson')
  await writeFile(path, 'nonsense\n')
  await place.run()
  await appendFile(path, [1, 2, 3].map(n => JSON.stringify(someEvent({ event_id: undefined, title: String(n % 2) })) + '\n').join('') + 'more nonsense\n')
  const save = Ledger.prototype.save
  Ledger.prototype.save = async () => { throw new Error('killed here') }
  t.teardown(() => { Ledger.prototype.save = save })
  t.equal((await place.run()).failed, 1)
  t.match(place.said[0], /killed here/)
  const first = idsOf(await place.records())
  t.equal(new Set(first).size, 3, 'equal lines at different places are different events')
  Ledger.prototype.save = save
  const again = await place.run()
  t.same([again.failed, again.delivered[0]?.accepted, again.delivered[0]?.rejected], [0, 3, 1])
  t.same(idsOf(await place.records()), [...first, ...first].sort(), 'the same ids again: the writer drops them')
  t.equal((await readFile(path + '.rejected.ndjson', 'utf8')).trimEnd().split('\n').length, 2)
  await place.run()
  t.equal((await place.records()).length, 6)
})

t.test('a run that is interrupted goes on where it stopped', async t => {
  const place = await makePlace(t)
  const ids = Array.from({ length: 12_000 }, (_, i) => `e-${i}`)
  await writeFile(join(place.inputs, 'app.ndjson'), lines(...ids))
  const controller = new AbortController()
  const result = await place.run({ signal: controller.signal, line: { progressed () { controller.abort() }, clear () {} } })
  const done = result.delivered[0]?.accepted ?? 0
  t.ok(done > 0 && done < ids.length)
  await place.run()
  t.same(idsOf(await place.records()), ids.sort())
})

t.test('a watched file is taken line by line, and a half-written line waits for its end', async t => {
  const place = await makePlace(t)
  const path = join(place.inputs, 'app.ndjson')
  const half = lines('2').slice(0, 30)
  await writeFile(path, lines('1') + half)
  const controller = new AbortController()
  let taken = 0
  const running = place.run({ watchMs: 50, signal: controller.signal, line: { progressed (_progress, _fileBytes, events) { taken += events }, clear () {} } })
  await until(() => taken === 1)
  await sleep(200) // for a few looks at the half line
  await appendFile(path, lines('2').slice(30))
  await until(() => taken === 2)
  controller.abort()
  const { delivered } = await running
  t.same([delivered[0]?.accepted, delivered[0]?.rejected], [2, 0])
  t.same(idsOf(await place.records()), ['1', '2'])
})

t.test('a second run at the same time, a damaged ledger and a missing folder are one sentence each', async t => {
  const place = await makePlace(t)
  await t.rejects(place.run({ listFiles: async () => await listInputs(join(place.inputs, 'nowhere')) }), { code: 'INGEST_FOLDER', message: /nowhere.*does not exist/ })
  await writeFile(join(place.inputs, 'app.ndjson'), lines('1'))
  await place.run()
  const ledger = join(place.inputs, '..', 'ingest', 'ingest')
  const other = takeLock(join(ledger, 'running.lock'), () => new Error())
  await t.rejects(place.run(), { code: 'INGEST_RUNNING', message: `(process ${process.pid})` })
  other.release()
  await place.run()
  await writeFile(join(ledger, 'bad.json'), '{')
  await t.rejects(place.run(), { code: 'INGEST_LEDGER' })
})
