// What a landed batch leaves behind outside the table: lines of the log, metrics, and the offsets that lag tools read.
// All of it is advisory: nothing here decides what is read next.

import type { Landed } from './batch-work.ts'
import type { ParsedBatch } from './pipeline.ts'
import type { WriterParts } from './writer.ts'

export async function reportBatch ({ metrics, source, logger, nowMs, duplicates }: WriterParts, batch: ParsedBatch, landed: Landed, sealedMs: number): Promise<void> {
  const { framed } = batch
  const now = nowMs()
  const ofGateway = batch.unfitTrusted + framed.misfits.filter(({ trusted }) => trusted).length
  if (ofGateway > 0) logger.error({ records: ofGateway, snapshot: String(landed.snapshotId) }, 'the gateway accepted what the writer cannot read: the bytes are in firn.dead_letters')
  const ms = Math.round(performance.now() - sealedMs)
  logger.info({ snapshot: String(landed.snapshotId), rows: landed.rows, deadLetters: landed.letters - landed.duplicates, duplicates: landed.duplicates, ms }, 'committed')
  if (metrics !== null) {
    metrics.rows.inc(landed.rows)
    metrics.commits.inc({ table: 'events' })
    if (landed.letters > 0) metrics.commits.inc({ table: 'dead_letters' })
    if (landed.duplicates > 0) metrics.duplicates.inc(landed.duplicates)
    if (ofGateway > 0) metrics.lettersOfGateway.inc(ofGateway)
    if (batch.unfit > 0) metrics.letters.inc({ reason: 'unfit' }, batch.unfit)
    for (const { reason } of framed.misfits) metrics.letters.inc({ reason })
    for (const [field, count] of framed.amended) metrics.amended.inc({ field }, count)
    for (const [field, count] of framed.keptAside) metrics.keptAside.inc({ field }, count)
    metrics.commitSeconds.observe(ms / 1000)
    for (const arrival of framed.arrivals) metrics.freshness.observe(Math.max(0, now - arrival) / 1000)
    metrics.indexIds.set(duplicates.index.size)
    metrics.types.set(duplicates.types.size)
  }
  for (const topic of new Set(framed.lanes.map(lane => lane.topic))) {
    const offsets = new Map(framed.lanes.filter(lane => lane.topic === topic).map(({ partition, end }) => [partition, end]))
    await source.acknowledge(topic, offsets).catch((error: unknown) => { logger.warn({ err: error, topic }, 'the log did not take the acknowledgement; the next one will do') })
  }
}
