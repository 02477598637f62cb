// An answer on its reply, whatever its form: which snapshots it read and whether it was cut stand in headers where that is known
// in time, else in trailers. Who hangs up ends the statement.

import type { FastifyReply } from 'fastify'
import { mediaTypes, type Format } from '../formats/format.ts'
import type { OpenAnswer, Queries, Question } from '../queries.ts'

const endings: Readonly<Record<Format, string>> = { json: 'json', csv: 'csv', 'csv-raw': 'csv', arrow: 'arrows' }

export async function answer (queries: Queries, question: Question, reply: FastifyReply): Promise<FastifyReply> {
  const left = new AbortController()
  reply.raw.once('close', () => { left.abort() })
  const open = await queries.ask(question, left.signal)
  void reply
    .type(mediaTypes[open.format])
    .header('firn-query-id', open.id)
    .header('firn-snapshots', printSnapshots(open))
    .header('vary', 'accept')
    .header('cache-control', 'no-store')
    .header('content-disposition', `inline; filename="${open.id}.${endings[open.format]}"`)
  const rows = (): string => String(open.end()?.rows ?? '')
  const truncated = (): string => String(open.end()?.truncated ?? true)
  if (open.end() !== null) return reply.header('firn-rows', rows()).header('firn-truncated', truncated()).send(open.body)
  void reply.trailer('firn-rows', async () => rows())
  void reply.trailer('firn-truncated', async () => truncated())
  return reply.send(open.body)
}

/** `firn.events=123, analytics.orders=456`: what as_of takes to ask the same again. */
function printSnapshots ({ snapshots }: OpenAnswer): string {
  return Object.entries(snapshots).map(([table, id]) => `${encodeURI(table)}=${id}`).join(', ')
}
