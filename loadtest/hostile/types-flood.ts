// A few kilobytes that would cost the table dearly: event types that nobody declared, over all days of the window, from one
// sender and from many. A sender has a budget of new types; what lands shares `unlisted`; one commit makes few files.

import { globSync } from 'node:fs'
import { until } from '../../runtime/index.ts'
import { writerSettings } from '../../writer/config.ts'
import type { Answer, Ground } from './ground.ts'

/** The eighth date of the window is its last hours. */
const daysAgo = [0, 1, 2, 3, 4, 5, 6, 6.99]
const filesMax = Number((writerSettings.properties.FIRN_WRITER_FILES_MAX as { default?: number }).default)
const dayMs = 86_400_000
const landMsMax = 120_000

interface Flood {
  readonly name: string
  readonly types: readonly string[]
  /** Each sends all of it. */
  readonly addresses: readonly string[]
}

const floods: readonly Flood[] = [
  { name: 'one sender, 205 types', types: Array.from({ length: 205 }, (_, i) => `zz_${i}`), addresses: ['203.0.113.1'] },
  { name: 'twenty senders, 45 types each', types: Array.from({ length: 45 }, (_, i) => `yy_${i}`), addresses: Array.from({ length: 20 }, (_, i) => `198.51.100.${i}`) },
  { name: 'names that end in numbers and words that mean something elsewhere', types: ['unlisted', 'null', 'nan', 'constructor', 'toString', 'hasownproperty', 'x_1e999', 'a'.repeat(64)].map(name => name.toLowerCase()), addresses: ['2001:db8::1'] },
  { name: 'declared types of every day', types: ['page_view', 'product_view', 'search', 'add_to_cart', 'remove_from_cart', 'checkout_started', 'purchase', 'customer_created', 'customer_updated'], addresses: ['192.0.2.1'] }
]

export async function playTypesFlood (ground: Ground): Promise<void> {
  const { line, tally } = ground
  for (const [i, { name, types, addresses }] of floods.entries()) {
    const before = { files: dataFiles(line.dataDir).length, ...await commits(ground) }
    let [accepted, refused, bytes] = [0, 0, 0]
    for (const address of addresses) {
      const events = types.flatMap(type => daysAgo.map(ago => eventOf(`flood-${i}-${address}-${type}-${ago}`, address.startsWith('198.') ? `${type}_${address.slice(11)}` : type, ago)))
      bytes += JSON.stringify(events).length
      const answer = await ground.send(line.gatewayUrl, '/v1/events', { method: 'POST', body: events, headers: { 'x-forwarded-for': address } })
      const counted = countsOf(answer)
      accepted += counted.accepted
      refused += counted.refused
    }
    await untilLanded(ground, `flood-${i}-%`, accepted)
    const after = { files: dataFiles(line.dataDir).length, ...await commits(ground) }
    const [files, commitsMade] = [after.files - before.files, after.count - before.count]
    const seconds = (after.seconds - before.seconds).toFixed(1)
    tally.check(`${name}: few files a commit`, files <= commitsMade * filesMax, `${bytes} bytes, ${accepted} events accepted, ${refused} refused; ${files} files in ${commitsMade} commits, ${seconds} s`)
    if (i === 0) tally.check(`${name}: what is beyond the budget is refused by name`, refused > 0 && accepted > 0, `${refused} refused`)
  }
  const slots = await gauge(ground, 'firn_writer_event_types')
  tally.check('no type that somebody made up has a partition', slots < 40, `${slots} types`)
  await seeEarned(ground)
}

/** A type that really comes gets its partition. */
async function seeEarned (ground: Ground): Promise<void> {
  const { line, tally, send } = ground
  const events = Array.from({ length: 150 }, (_, i) => eventOf(`earned-${i}`, 'newsletter_read', 0))
  const answer = await send(line.gatewayUrl, '/v1/events', { method: 'POST', body: events, headers: { 'x-forwarded-for': '203.0.113.99' } })
  await untilLanded(ground, 'earned-%', countsOf(answer).accepted)
  const { text } = await send(line.queryUrl, '/v1/query', { method: 'POST', body: { sql: "select count(*) from firn.events where event_type = 'newsletter_read'" } })
  tally.check('a type of which 150 events come has its partition meanwhile', text.replaceAll('\n', '').includes('"rows":[["150"]]'), text.slice(0, 200))
}

function eventOf (id: string, type: string, daysAgo: number): object {
  return { event_id: id, event_type: type, timestamp: new Date(Date.now() - daysAgo * dayMs - 60_000).toISOString() }
}

function countsOf ({ text, status }: Answer): { accepted: number, refused: number } {
  const { accepted, rejected } = JSON.parse(text) as { accepted?: number, rejected?: number }
  if (accepted === undefined || rejected === undefined) throw new Error(`${status} ${text.slice(0, 200)}`)
  return { accepted, refused: rejected }
}

async function untilLanded ({ line, send }: Ground, pattern: string, rows: number): Promise<void> {
  const sql = `select count(*) from firn.events where event_id like '${pattern}'`
  await until(async () => (await send(line.queryUrl, '/v1/query', { method: 'POST', body: { sql } })).text.replaceAll('\n', '').includes(`"rows":[["${rows}"]]`), landMsMax)
}

function dataFiles (dataDir: string): string[] {
  return globSync('warehouse/firn/events/data/**/*.parquet', { cwd: dataDir })
}

async function commits (ground: Ground): Promise<{ count: number, seconds: number }> {
  return { count: await gauge(ground, 'firn_writer_commit_seconds_count'), seconds: await gauge(ground, 'firn_writer_commit_seconds_sum') }
}

async function gauge ({ line, send }: Ground, name: string): Promise<number> {
  const { text } = await send(line.writerUrl, '/metrics')
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? NaN)
}
