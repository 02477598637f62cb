// What guests do to firn.events, one after another, and what the line owes: rows go on landing and are right for every
// reader, or the table halts with a sentence whose advice the test then carries out.

export interface Visit {
  readonly what: string
  /** Words for guest.py. */
  readonly words: readonly string[]
  /** Rows that come or go with the visit itself. */
  readonly rows?: number | 'counted'
  /** The writer is expected to stand still and to say so; `advice` is what its sentence names, as words for guest.py. */
  readonly halts?: { readonly says: RegExp, readonly advice: readonly string[] }
}

export const importedIds = ['guest-1', 'guest-2', 'guest-3']

export const visits: readonly Visit[] = [
  { what: 'a column is added', words: ['add-column', 'loyalty_tier'] },
  { what: 'a column of ours is renamed', words: ['rename-column', 'title', 'page_title'] },
  { what: 'a member of a group is renamed', words: ['rename-column', 'location.city', 'town'] },
  { what: 'a column of ours is dropped', words: ['drop-column', 'referrer'] },
  { what: 'a column that differs in case alone is added', words: ['add-column', 'REGION'] },
  { what: 'a file without field ids is added', words: ['add-files', 'imported', ...importedIds], rows: importedIds.length },
  { what: 'rows of a type are deleted', words: ['delete-type', 'event_type', 'imported'], rows: -importedIds.length },
  { what: 'a partition field: identity of a text', words: ['add-field', 'identity', 'currency', 'by_currency'] },
  { what: 'a partition field: bucket', words: ['add-field', 'bucket', 'session_id', 'by_session'] },
  { what: 'a partition field: truncate', words: ['add-field', 'truncate', 'user_id', 'by_user'] },
  { what: 'the fields of texts are removed', words: ['remove-field', 'by_user'] },
  { what: 'the field of buckets is removed', words: ['remove-field', 'by_session'] },
  { what: 'a partition field: hour', words: ['add-field', 'hour', 'received_at', 'by_hour'] },
  { what: 'a partition field: month', words: ['add-field', 'month', 'committed_at', 'by_month'] },
  { what: 'the partition by type is removed', words: ['remove-field', 'event_type'] },
  { what: 'a partition field: identity of a number', words: ['add-field', 'identity', 'log_partition', 'by_partition'] },
  { what: 'retention is set', words: ['set', 'history.expire.min-snapshots-to-keep', '50'] },
  { what: 'the codec is set', words: ['set', 'write.parquet.compression-codec', 'gzip'] },
  { what: 'a snapshot is tagged', words: ['tag', 'quarter'] },
  { what: 'a branch is made', words: ['branch', 'audit'] },
  { what: 'the table is renamed', words: ['rename-table', 'events_of_yesterday'], halts: { says: /renamed or dropped/, advice: ['rename-table-back', 'events_of_yesterday'] } },
  { what: 'the table is upgraded to format version 3', words: ['upgrade', '3'] }
]
