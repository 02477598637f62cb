// The report of refused lines never writes through a link that lies in its place.

import t from 'tap'
import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { replaceDurably } from '../durable-file.ts'
import { reportRejected, reportSuffix } from './rejected-report.ts'

const refused = { start: 0, event_id: null, code: 'X', path: null, message: 'm', line: 'secret' }

t.test('a link in the place of the report, or of a file that is made anew, leaves its target as it is', async t => {
  const dir = t.testdir({ precious: 'precious' })
  symlinkSync(join(dir, 'precious'), join(dir, 'in.ndjson' + reportSuffix))
  await t.rejects(reportRejected(join(dir, 'in.ndjson'), 0, [refused]), { code: 'INGEST_REPORT' })
  await t.rejects(reportRejected(join(dir, 'in.ndjson'), 3, [refused]), { code: 'INGEST_REPORT' })
  symlinkSync(join(dir, 'precious'), join(dir, 'ledger.partial'))
  await replaceDurably(join(dir, 'ledger'), 'new')
  t.equal(readFileSync(join(dir, 'ledger'), 'utf8'), 'new')
  t.equal(readFileSync(join(dir, 'precious'), 'utf8'), 'precious')
})

t.test('a report is its owner\'s alone, and grows', async t => {
  const dir = t.testdir({})
  const input = join(dir, 'in.ndjson')
  writeFileSync(input, '')
  const first = await reportRejected(input, 0, [refused])
  const second = await reportRejected(input, first, [refused])
  t.equal(statSync(input + reportSuffix).size, second)
  t.equal(statSync(input + reportSuffix).mode & 0o077, 0)
})
