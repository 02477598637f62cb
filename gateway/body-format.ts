// Which format a body is in, by its content type. text/plain is what navigator.sendBeacon sends without a preflight;
// it and a missing type may hold JSON or NDJSON: JSON is tried first, NDJSON when that cannot be read and lines are there.

import { fail } from './errors.ts'

export type BodyFormat = 'json' | 'ndjson' | 'either'

/** Media types that the gateway reads, lower case and without parameters. */
export const mediaTypes: Readonly<Record<string, BodyFormat>> = {
  'application/json': 'json',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
  'text/plain': 'either'
}

const known = new Map<string, BodyFormat>(Object.entries(mediaTypes))

/** The format for a Content-Type header. Throws GATEWAY_MEDIA_TYPE. */
export function formatOf (header: string | undefined): BodyFormat {
  if (header === undefined || header === '') return 'either'
  const format = known.get(header) ?? known.get((header.split(';', 1)[0] as string).trim().toLowerCase())
  if (format === undefined) throw fail('GATEWAY_MEDIA_TYPE', { contentType: header.slice(0, 100) })
  return format
}
