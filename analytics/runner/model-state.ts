// How far a model is, as it stands in the property `firn.model` of its table: written in the commit that carries the rows,
// so that the two can never disagree. Anything that cannot be read counts as nothing known: the model is computed whole.

import type { LoadedTable, SourceRecord } from '../../catalog/index.ts'

export const stateProperty = 'firn.model'

export interface SourceState extends SourceRecord { readonly watermark: Date | null }

export interface ModelState {
  readonly digest: string
  /** null: the source had no snapshot yet. */
  readonly sources: ReadonlyMap<string, SourceState | null>
  readonly watermark: Date | null
  /** The snapshot of the model's own table that holds these rows; null while it has none. */
  readonly own: bigint | null
  /** What the last run that wrote took. */
  readonly last: RunCost | null
}

export interface RunCost { readonly at: string, readonly ms: number, readonly rows: number, readonly units: number, readonly reason: string }

export function printState ({ digest, sources, watermark, own, last }: ModelState): string {
  return JSON.stringify({
    v: 1,
    digest,
    sources: Object.fromEntries([...sources].map(([name, source]) => [name, source === null ? null : { ...source, snapshotId: String(source.snapshotId), sequence: String(source.sequence), records: String(source.records), watermark: source.watermark?.toISOString() ?? null }])),
    watermark: watermark?.toISOString() ?? null,
    own: own === null ? null : String(own),
    last
  })
}

export function readState (table: LoadedTable | null): ModelState | null {
  const text = table?.metadata.properties[stateProperty]
  if (text === undefined) return null
  try {
    const { v, digest, sources, watermark, own, last } = JSON.parse(text)
    if (v !== 1 || typeof digest !== 'string') return null
    return {
      digest,
      sources: new Map(Object.entries(sources as Record<string, Record<string, string> | null>).map(([name, source]) => [name, source === null
        ? null
        : { uuid: source['uuid']!, snapshotId: BigInt(source['snapshotId']!), sequence: BigInt(source['sequence']!), records: BigInt(source['records']!), watermark: dateOf(source['watermark']) }])),
      watermark: dateOf(watermark),
      own: own === null ? null : BigInt(own),
      last: last ?? null
    }
  } catch {
    return null
  }
}

function dateOf (text: string | null | undefined): Date | null {
  return text === null || text === undefined ? null : new Date(text)
}
