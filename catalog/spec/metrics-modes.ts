/**
 * Which metrics a table wants of a column in its manifests (`write.metadata.metrics.*`): none, counts, truncate(n), full.
 *
 * Pure. A column's own mode goes before the default, by its full name (`device.type`); so does it for what lies below it. A mode that
 * cannot be read counts as if it were not set, as Iceberg has it: a wrong word must not hide a table. Beyond
 * `max-inferred-column-defaults` columns, those that come later have none of their own accord, where no default is set.
 */
import { listFields } from './schema.ts'
import type { Schema } from './types.ts'

/** `boundsMax`: characters or bytes of a bound; null: whole; 0: no bounds. */
export interface MetricsMode { readonly counts: boolean, readonly boundsMax: number | null }

const columnPrefix = 'write.metadata.metrics.column.'
const defaultMode: MetricsMode = { counts: true, boundsMax: 16 }
const noMetrics: MetricsMode = { counts: false, boundsMax: 0 }
const inferredMaxDefault = 100

/** The mode of each leaf, by field id. */
export function metricsModes(properties: Readonly<Record<string, string>>, schema: Schema): ReadonlyMap<number, MetricsMode> {
  const wanted = parseMode(properties['write.metadata.metrics.default'])
  const inferredMax = numberOf(properties['write.metadata.metrics.max-inferred-column-defaults']) ?? inferredMaxDefault
  const leaves = listFields(schema).filter(({ leaf }) => leaf)
  return new Map(leaves.map(({ field, path }, index) => {
    const otherwise = wanted ?? (index < inferredMax ? defaultMode : noMetrics)
    return [field.id, parseMode(properties[columnPrefix + path.join('.')]) ?? otherwise]
  }))
}

function parseMode(text: string | undefined): MetricsMode | null {
  const mode = text?.trim().toLowerCase()
  if (mode === 'none') return noMetrics
  if (mode === 'counts') return { counts: true, boundsMax: 0 }
  if (mode === 'full') return { counts: true, boundsMax: null }
  const length = numberOf(/^truncate\((\d{1,9})\)$/.exec(mode ?? '')?.[1])
  return length === null || length === 0 ? null : { counts: true, boundsMax: length }
}

function numberOf(text: string | undefined): number | null {
  return text === undefined || !/^\d{1,9}$/.test(text) ? null : Number(text)
}
