import { join } from 'node:path'
import t from 'tap'
import { readGenerateConfig } from './config.ts'

const at = new Date('2026-01-31T12:00:00Z')

t.test('without a duration 500 events, with one as many as fit', async t => {
  t.match(readGenerateConfig(at, []), { eventsMax: 500, durationMsMax: Infinity, eventsPerSecond: 100, to: 'gateway' })
  t.match(readGenerateConfig(at, ['--duration', '2.5']), { eventsMax: Infinity, durationMsMax: 2500 })
  t.match(readGenerateConfig(at, ['--duration', '2', '--count', '7']), { eventsMax: 7, durationMsMax: 2000 })
})

t.test('a rate or an interval, not both; no interval at all is as fast as it goes', async t => {
  t.equal(readGenerateConfig(at, ['--interval', '20']).eventsPerSecond, 50)
  t.equal(readGenerateConfig(at, ['--interval', '0']).eventsPerSecond, Infinity)
  t.throws(() => readGenerateConfig(at, ['--interval', '20', '--rate', '5']), { code: 'LOADTEST_CONTRADICTION' })
})

t.test('history has a start, goes at its rate and into a file', async t => {
  const { clock, eventsPerSecond } = readGenerateConfig(at, ['--to', 'file', '--start', '2026-01-01T00:00:00Z', '--rate', '2'])
  t.equal(clock?.(3), Date.parse('2026-01-01T00:00:01.500Z'))
  t.equal(eventsPerSecond, Infinity, 'it is written as fast as it goes')
  t.equal(readGenerateConfig(at, []).clock, null)
  t.throws(() => readGenerateConfig(at, ['--start', '2026-01-01T00:00:00Z']), { code: 'LOADTEST_CONTRADICTION' })
  t.throws(() => readGenerateConfig(at, ['--to', 'file', '--start', 'yesterday']), { code: 'SETTING_INVALID' })
})

t.test('a target that does not exist is refused', async t => {
  t.throws(() => readGenerateConfig(at, ['--to', 'pigeon']), { code: 'SETTING_INVALID' })
})

t.test('each run has files of its own under the data folder', async t => {
  const { ledgerFile, truthFile } = readGenerateConfig(at, ['--data-dir', '/d'])
  t.equal(ledgerFile, join('/d/loadtest', `ledger-2026-01-31T12-00-00-000Z-${process.pid}.ndjson`))
  t.not(truthFile, ledgerFile)
})
