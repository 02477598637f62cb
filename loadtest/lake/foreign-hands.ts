// What others do to our table while the writer writes: Trino inserts, compacts and expires snapshots, Spark rewrites files.
// After each hand the writer has to land a batch on top of it; the hand itself may lose a race and is asked again.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Tally } from '../tally.ts'
import type { LakeServers } from './servers.ts'
import type { Spark } from './spark.ts'
import type { TrinoLake } from './trino.ts'

const attemptsMax = 5
const goesOnMsMax = 60_000
const retentionSession = { 'lake.expire_snapshots_min_retention': '0s', 'lake.remove_orphan_files_min_retention': '0s' }

export interface Hands {
  readonly tally: Tally
  readonly trino: TrinoLake
  readonly servers: Pick<LakeServers, 'restUrl' | 's3'>
  readonly spark: Spark | null
  readonly folder: string
  /** Rows that were inserted so far. */
  inserted: number
}

export async function insertRows (hands: Hands): Promise<void> {
  const ids = Array.from({ length: 3 }, () => `foreign-${hands.inserted++}`)
  // A row past the log says so: topic of one's own, partition -1 (docs/analysts.md).
  const rows = ids.map((id, n) => `('${id}', 'payment_captured', current_timestamp, 'analyst', DECIMAL '1.00', 'USD', current_timestamp, current_timestamp, 'analyst', -1, ${n})`)
  await play(hands, 'Trino inserts rows', `INSERT INTO events (event_id, event_type, event_time, user_id, amount, currency, received_at, committed_at, log_topic, log_partition, log_offset) VALUES ${rows.join(', ')}`)
}

export async function optimize (hands: Hands): Promise<void> {
  const before = await filesOf(hands.trino)
  await play(hands, 'Trino optimizes the table', 'ALTER TABLE events EXECUTE optimize')
  hands.tally.say(`${before} files before, ${await filesOf(hands.trino)} now`)
}

export async function expireSnapshots (hands: Hands): Promise<void> {
  const before = await snapshotsOf(hands.trino)
  await play(hands, 'Trino expires all snapshots but the newest', "ALTER TABLE events EXECUTE expire_snapshots(retention_threshold => '0s')", retentionSession)
  hands.tally.say(`${before} snapshots before, ${await snapshotsOf(hands.trino)} now`)
}

export async function rewriteBySpark (hands: Hands): Promise<void> {
  const { tally, trino, servers, spark, folder } = hands
  if (spark === null) return
  const began = performance.now()
  const before = await newestOf(trino)
  let failure: string | null = null
  const printed = await spark.run(servers, "CALL lake.system.rewrite_data_files(table => 'firn.events', options => map('rewrite-all', 'true'))", folder).catch((error: unknown) => {
    failure = (error as Error).message
    return ''
  })
  tally.check('Spark rewrites the data files while the writer writes', failure === null, failure ?? `rewritten, added, bytes: ${printed.trim().split('\n').at(-1)?.replaceAll('\t', ', ')}; ${Math.round((performance.now() - began) / 1000)} s`)
  await goesOn(hands, 'after Spark', before)
}

/** Compaction and expiry one after the other without a pause: files vanish as soon as nothing current names them. */
export async function storm ({ tally, trino }: Hands, seconds: number): Promise<void> {
  const before = await newestOf(trino)
  const end = performance.now() + seconds * 1000
  let [rewrites, races] = [0, 0]
  while (performance.now() < end) {
    for (const [sql, session] of [['ALTER TABLE events EXECUTE optimize', {}], ["ALTER TABLE events EXECUTE expire_snapshots(retention_threshold => '0s')", retentionSession]] as const) {
      await trino.ask(sql, session).then(() => { rewrites++ }, () => { races++ })
    }
  }
  const taken = await newestOf(trino) - before
  tally.check(`the writer goes on while files vanish under it for ${seconds} s`, taken > 0n && rewrites > 0, `${rewrites} rewrites and expiries, ${races} lost to the writer; ${taken} records taken meanwhile`)
}

/** One statement, again when the writer was quicker; then the writer has to go on above it. */
async function play (hands: Hands, what: string, sql: string, session: Readonly<Record<string, string>> = {}): Promise<void> {
  const { tally, trino } = hands
  const before = await newestOf(trino)
  for (let attempt = 1; ; attempt++) {
    try {
      await trino.ask(sql, session)
      tally.check(`${what} while the writer writes`, true, attempt === 1 ? '' : `attempt ${attempt}: the writer was quicker before`)
      break
    } catch (error) {
      const isRace = /conflict|commit|concurrent|modified/i.test((error as Error).message)
      if (isRace && attempt < attemptsMax) continue
      tally.check(`${what} while the writer writes`, false, (error as Error).message)
      return
    }
  }
  await goesOn(hands, `after: ${what}`, before)
}

/** The newest snapshot of the writer, by its own mark, has to become another one. */
async function goesOn ({ tally, trino }: Hands, when: string, before: bigint): Promise<void> {
  const began = performance.now()
  const last = await newestOf(trino)
  for (;;) {
    const newest = await newestOf(trino)
    if (newest > last) return tally.check(`${when}: the writer goes on`, true, `next batch after ${((performance.now() - began) / 1000).toFixed(1)} s, ${newest - before} records taken since the hand began`)
    if (performance.now() - began > goesOnMsMax) return tally.check(`${when}: the writer goes on`, false, `no batch within ${goesOnMsMax / 1000} s`)
    await sleep(500)
  }
}

/** A number that rises with each batch: the sum of the recorded offsets. */
async function newestOf (trino: TrinoLake): Promise<bigint> {
  const [text] = await trino.row(`SELECT value FROM "events$properties" WHERE key = 'firn.offsets'`)
  const { log } = JSON.parse(String(text)) as { log: { topics: Record<string, { p: Record<string, { next: string }> }> } }
  return Object.values(log.topics).flatMap(topic => Object.values(topic.p)).reduce((sum, { next }) => sum + BigInt(next), 0n)
}

async function filesOf (trino: TrinoLake): Promise<number> {
  return Number((await trino.row('SELECT count(*) FROM "events$files"'))[0])
}

async function snapshotsOf (trino: TrinoLake): Promise<number> {
  return Number((await trino.row('SELECT count(*) FROM "events$snapshots"'))[0])
}
