// What the log itself says of the table: that it is the log from which the table was filled, that it still holds what was
// taken, and that the table began where the log began. A first read that began too late leaves no gap between offsets, and
// a table that was made anew has none either: only the log's own beginning tells.

import { broken, kept, unproven, type Finding } from './finding.ts'
import type { LogWitness } from './log-witness.ts'
import type { ProgressRecord } from './progress-record.ts'
import type { ReadingHistory } from './reading-history.ts'

const ofThisLog = 'the log is the one that the table was filled from'
const sameRecords = 'the log still holds what was taken from it'
const began = 'the table began where the log begins'

export async function judgeLog (witness: LogWitness | null, record: ProgressRecord | null, history: ReadingHistory): Promise<Finding[]> {
  if (witness === null) return [unproven(ofThisLog, 'there is no log at this address: what waits in it, and what it would say of the table, is not known')]
  if (witness.stranger !== null) return [broken(ofThisLog, witness.stranger)]
  const { other, unknown } = await witness.compare()
  const shorter = [...witness.shortened, ...other]
  const findings: Finding[] = []
  if (shorter.length > 0) findings.push(broken(sameRecords, `${shorter.length} partitions hold other or fewer records than were taken: it was restored, cut or made anew`, shorter))
  else findings.push(kept(sameRecords, unknown.length > 0 ? `of ${unknown.length} partitions it holds nothing any more that could be compared` : ''))
  findings.push(await judgeBeginning(witness, record, history))
  return findings
}

async function judgeBeginning (witness: LogWitness, record: ProgressRecord | null, history: ReadingHistory): Promise<Finding> {
  const { lost, holes, unreadable, examples } = await witness.explain(witness.before)
  if (lost + unreadable > 0n) return broken(began, `${lost + unreadable} records from before were never taken`, examples)
  const gone = witness.goneBefore.filter(({ topic, partition }) => !isDecided(topic, partition, history))
  if (gone.length === 0) return kept(began, holes > 0n ? `${holes} holes before it` : '')
  const places = gone.map(({ topic, partition, to }) => `${topic}/${partition} before ${to}`)
  const offsets = gone.reduce((sum, { from, to }) => sum + to - from, 0n)
  return witness.keepsUntilTaken
    ? broken(began, `${offsets} records left the log after a table had taken them, and this table${record === null ? ' has taken nothing' : ' has not'}: was the catalog lost?`, places)
    : unproven(began, `${offsets} offsets were gone from the log before this table began`, places)
}

/** An operator decided where this partition is read from: it is known, and what lies before is counted there. */
function isDecided (topic: string, partition: number, { leftOut, claims }: ReadingHistory): boolean {
  return leftOut.some(one => one.by === 'jump' && one.topic === topic && one.partition === partition) ||
    claims.some(claim => claim.topic === topic && claim.partition === partition && claim.era > 0)
}
