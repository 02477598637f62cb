import { createServer, type AddressInfo, type Server } from 'node:net'
import t from 'tap'
import { checkDoors, type Doors } from './doctor-doors.ts'
import type { Finding } from './doctor.ts'
import { judgeLine, type ServiceFound, type ServiceName, type ServiceState } from './doctor-line.ts'
import { judgeTopics } from './doctor-log.ts'
import { judgeState, judgeTable, type Standing } from './doctor-tables.ts'

const found = (states: Partial<Record<ServiceName, ServiceState>>, detail = ''): ServiceFound[] =>
  (['catalog', 'gateway', 'writer', 'analytics'] as const).map(service => ({ service, state: states[service] ?? 'ready', url: 'http://127.0.0.1:8003', detail, isOurs: true }))
const last = (findings: readonly Finding[]): Finding => findings.at(-1)!

t.test('a halted writer is told from a stopped line: it runs, and its own sentence is shown', async t => {
  const { findings, isEventSent } = judgeLine(found({ writer: 'troubled' }, 'partition 0 of orders stands still'))
  t.notOk(isEventSent)
  t.match(findings.find(({ what }) => what === 'writer'), { state: 'fail', detail: /runs at .* is not ready: partition 0 of orders stands still/ })
  t.match(last(findings), { state: 'warn', detail: /the writer runs and stands still/ })
  t.notMatch(last(findings).detail, /npm start/)
})

t.test('a stopped line is one advice and no failure; a stopped writer beside a running gateway is a failure', async t => {
  const all = judgeLine(found({ catalog: 'away', gateway: 'away', writer: 'away', analytics: 'away' }))
  t.notOk(all.findings.some(({ state }) => state === 'fail'))
  t.match(last(all.findings).detail, /npm start/)
  const one = judgeLine(found({ writer: 'away' }))
  t.match(one.findings.find(({ what }) => what === 'writer'), { state: 'fail', detail: /does not run, although the catalog and the gateway and the analytics does/ })
  t.match(last(one.findings).detail, /the writer does not run/)
})

t.test('an event is followed to its row also while analytics is in trouble, which is said', async t => {
  const { findings, isEventSent } = judgeLine(found({ analytics: 'troubled' }, 'model orders'))
  t.ok(isEventSent)
  t.match(findings.find(({ what }) => what === 'analytics'), { state: 'fail', detail: /model orders/ })
})

t.test('topics with records that nothing reads are named, with the setting that reads them', async t => {
  const held = [{ name: 'ecommerce_events', records: 9n }, { name: 'clicks', records: 3n }, { name: 'quiet', records: 0n }, { name: 'carts', records: 1n }]
  t.match(judgeTopics(held, ['ecommerce_events']), { state: 'warn', detail: /clicks \(3 records\), carts \(1 records\).*FIRN_LOG_TOPICS=ecommerce_events,clicks/ })
  t.notMatch(judgeTopics(held, ['ecommerce_events']).detail, /quiet/)
  t.match(judgeTopics(held, ['ecommerce_events', 'clicks', 'carts']), { state: 'ok' })
})

t.test('doors that do not answer, and those that answer as something else, are said with their setting', async t => {
  const [silent, mail, other] = await Promise.all([freed(), greeting(t, '220 mail.example ESMTP\r\n'), greeting(t, 'HTTP/1.1 400 Bad Request\r\n\r\n')])
  const doors = async (some: Partial<Doors>): Promise<Finding[]> => {
    const findings: Finding[] = []
    for await (const finding of checkDoors({ queryUrl: 'duckdb:', mailUrl: undefined, spoolDir: undefined, spoolBytesMax: 1, ...some })) findings.push(finding)
    return findings
  }
  t.strictSame(await doors({}), [], 'what is not set is not asked')
  t.match(await doors({ mailUrl: `smtp://user:secret@127.0.0.1:${mail}` }), [{ what: 'mail', state: 'ok' }])
  t.match(await doors({ mailUrl: `smtp://127.0.0.1:${other}` }), [{ state: 'fail', detail: /FIRN_MAIL_URL/ }])
  const [none] = await doors({ mailUrl: `smtp://user:secret@127.0.0.1:${silent}` })
  t.match(none, { state: 'fail', detail: /no mail server at 127.0.0.1/ })
  t.notMatch(none?.detail, /secret/)
  t.match(await doors({ queryUrl: `trino://ana@127.0.0.1:${silent}` }), [{ what: 'Trino', state: 'fail', detail: /FIRN_QUERY_URL/ }])
  t.match(await doors({ spoolDir: t.testdir({}) }), [{ what: 'spool', state: 'ok' }])
  t.match(await doors({ spoolDir: t.testdir({}), spoolBytesMax: 2 ** 60 }), [{ state: 'warn', detail: /FIRN_GATEWAY_SPOOL_BYTES_MAX/ }])
  t.match(await doors({ spoolDir: '/proc/spool' }), [{ state: /fail|warn/ }])
})

async function greeting (t: { teardown(run: () => void): void }, words: string): Promise<number> {
  const server = createServer(socket => { socket.on('error', () => {}).end(words) })
  t.teardown(() => { server.close() })
  return await listening(server)
}

async function freed (): Promise<number> {
  const server = createServer()
  const port = await listening(server)
  await new Promise(resolve => server.close(resolve))
  return port
}

async function listening (server: Server): Promise<number> {
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  return (server.address() as AddressInfo).port
}

t.test('a table whose current file does not read is named with the newest that does and its command; all others are well', async t => {
  const file = (n: number) => ({ location: `file:///w/firn/events/metadata/0000${n}-x.metadata.json`, number: n, modifiedMs: n })
  const report = (n: number, unreadable: string | null) => ({ file: file(n), uuid: 'u', snapshots: n, newestMs: n, rows: '1', unreadable, metadata: null })
  const [damaged, sound] = [report(2, 'a manifest is missing'), report(1, null)]
  const folder = { folder: 'file:///w/firn/events', name: { namespace: ['firn'], name: 'events' }, files: [file(2), file(1)], known: [], reports: [damaged, sound], newestThatReads: sound }
  const judged = (standing: Standing, best: typeof sound | null = sound): Finding | null => judgeTable({ ...folder, newestThatReads: best }, standing)
  t.match(judged({ location: file(2).location }), { state: 'fail', detail: /firn\.events: a manifest is missing; .*npm run repair -- --register file:\/\/\/w\/firn\/events\/metadata\/00001-x\.metadata\.json --as firn\.events$/ })
  t.match(judged({ refusal: 'the metadata file is missing' }), { state: 'fail', detail: /the metadata file is missing; .*--register .*00001/ })
  t.match(judged({ location: file(2).location }, null), { state: 'fail', detail: /put its folder back from a backup/ })
  t.equal(judged({ location: file(1).location }), null)
  t.equal(judged(null), null, 'what the catalog does not know is nobody\'s table')
  t.match(judgeState({ kind: 'damaged', reason: 'malformed' }), { state: 'fail', detail: /npm run repair -- --all/ })
  t.equal(judgeState({ kind: 'busy' }), null)
})
