import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { keepAlert, type LedgerLine } from './ledger-state.ts'
import { openLedger } from './ledger.ts'
import { fraudAlert } from './mail-server.fixture.ts'

const folderOf = (): string => mkdtempSync(join(tmpdir(), 'firn-ledger-'))
const queued = (orderId: string): LedgerLine => ({ queued: keepAlert(fraudAlert(orderId, 5)), to: ['mail'], atMs: 1 })

t.test('what was appended is there after a restart, written anew as few lines', async t => {
  const folder = folderOf()
  const first = await openLedger(folder, 'a', 1000)
  t.ok(first.isNew)
  await Promise.all(Array.from({ length: 50 }, (_, i) => first.append([queued(`o-${i}`)])))
  await first.append([{ sending: { by: 'mail', id: '<1@x>', kind: 'alert', alerts: [['fraud-o-1', 5]] }, atMs: 2 }, { settled: { by: 'mail', id: '<1@x>', outcome: 'sent', detail: '' }, atMs: 3 }])
  await first.close()
  const second = await openLedger(folder, 'a', 1000)
  t.notOk(second.isNew)
  t.equal(second.state.waiting.size, 49)
  t.strictSame(second.state.entries.get('fraud-o-1')!.told, { mail: { score: 5, first: '<1@x>', atMs: 3 } })
  await second.close()
  t.equal(readFileSync(join(folder, 'a.ndjson'), 'utf8').trim().split('\n').length, 50)
})

t.test('a torn last line is dropped, any other line that cannot be read ends the start', async t => {
  const folder = folderOf()
  const first = await openLedger(folder, 'a', 1000)
  await first.append([queued('o-1')])
  await first.close()
  appendFileSync(join(folder, 'a.ndjson'), '{"queued":{"id":"fra')
  const second = await openLedger(folder, 'a', 1000)
  t.strictSame([...second.state.waiting], ['fraud-o-1'])
  await second.close()
  appendFileSync(join(folder, 'a.ndjson'), '{"queued":{"id":"fra\n{"horizonMs":1}\n')
  await t.rejects(openLedger(folder, 'a', 1000), { code: 'ALERT_LEDGER_UNREADABLE', message: /line 2/ })
})

t.test('a second sender is refused, and let in once the first has closed', async t => {
  const folder = folderOf()
  const ledger = await openLedger(folder, 'a', 1000)
  await t.rejects(openLedger(folder, 'a', 1000), { code: 'ALERT_LEDGER_LOCKED', message: `(pid ${process.pid})` })
  await ledger.close()
  await (await openLedger(folder, 'a', 1000)).close()
})

t.test('after a write that failed nothing is lost: the ledger is written anew when it can be', async t => {
  const folder = folderOf()
  const ledger = await openLedger(folder, 'a', 1000)
  await ledger.append([queued('o-1')])
  // The folder in the place of the new file: what a full or failing disk does, without one.
  mkdirSync(join(folder, 'a.ndjson.new'))
  const broken = ledger.state.waiting.size
  await t.rejects(ledger.append([{ horizonMs: 1n as never }]))
  await t.rejects(ledger.append([queued('o-2')]), { code: 'ALERT_LEDGER_UNWRITABLE', retryable: true })
  t.equal(ledger.state.waiting.size, broken, 'what is not durable is not known')
  rmSync(join(folder, 'a.ndjson.new'), { recursive: true })
  await ledger.append([queued('o-2')])
  await ledger.close()
  const again = await openLedger(folder, 'a', 1000)
  t.strictSame([...again.state.waiting], ['fraud-o-1', 'fraud-o-2'])
  await again.close()
})
