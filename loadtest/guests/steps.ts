// What guests do to the tables, one after the other, and what has to become of it: the line goes on and all rows are right, or
// that table halts with an advice, which is then carried out word for word.

import type { Command } from './guest.ts'

export interface Step {
  readonly what: string
  readonly commands: readonly Command[]
  /** The table halts: what it says, and what carries out its advice. */
  readonly halts?: { readonly says: RegExp, readonly advised: readonly Command[] }
  /** Left out of the short form. */
  readonly long?: boolean
  /** Rows of before have no value of this column any more. */
  readonly forgets?: string
  /** Rows that a guest writes or takes away by itself. */
  readonly adds?: readonly string[]
  readonly takes?: number
  /** Rows of a guest that go again. */
  readonly returns?: readonly string[]
  /** The model is brought up to date afterwards and compared. */
  readonly model?: boolean
}

const spec = (change: Omit<Command, 'do'>): Command => ({ do: 'spec', ...change })
const schema = (change: Omit<Command, 'do'>): Command => ({ do: 'schema', ...change })
const table = 'analytics.orders'

export const steps: readonly Step[] = [
  { what: 'a column of its own', commands: [schema({ add: [['note', 'string']] })] },
  { what: 'a file without field ids', commands: [{ do: 'add_files', ids: ['file-1', 'file-2'] }], adds: ['file-1', 'file-2'] },
  { what: 'rows of its own', commands: [{ do: 'append', ids: ['guest-1'] }], adds: ['guest-1'] },
  { what: 'a partition field by identity', commands: [spec({ add: [['user_id', 'identity', 'user_id']] })], model: true },
  { what: 'a partition field that is renamed', commands: [spec({ rename: [['user_id', 'who']] })] },
  { what: 'a partition field that is dropped', commands: [spec({ remove: ['who'] })] },
  { what: 'a truncated text of any length', commands: [spec({ add: [['region', 'truncate[130]', 'region_trunc']] })] },
  { what: 'truncated numbers', long: true, commands: [spec({ add: [['log_offset', 'truncate[50]', 'offsets']] }), spec({ remove: ['offsets'] })] },
  { what: 'buckets of ids', commands: [spec({ remove: ['region_trunc'], add: [['event_id', 'bucket[3]', 'event_bucket']] })] },
  { what: 'hours instead of days', commands: [spec({ remove: ['event_date', 'event_bucket'], add: [['event_time', 'hour', 'event_hour']] })] },
  { what: 'months and years', commands: [spec({ remove: ['event_hour'], add: [['received_at', 'month', 'received_month'], ['event_time', 'year', 'event_year']] })] },
  { what: 'a spec without the event type', commands: [spec({ remove: ['event_type', 'received_month', 'event_year'], add: [['log_partition', 'identity', 'log_partition'], ['event_time', 'day', 'their_day']] })], model: true },
  { what: 'rows deleted', commands: [], takes: 5 },
  { what: 'a renamed column', commands: [schema({ rename: [['referrer', 'ref_url']] })] },
  { what: 'renamed columns that the line itself needs', commands: [schema({ rename: [['event_id', 'their_id'], ['event_type', 'kind'], ['received_at', 'arrived']] })], model: true },
  { what: 'a member of a group renamed', commands: [schema({ move: [['location.city', 'town']] })] },
  { what: 'a column that differs in case alone', commands: [schema({ add: [['REGION', 'string']] })] },
  { what: 'a dropped column', commands: [schema({ drop: ['title'] })], forgets: 'title' },
  { what: 'wider and reordered columns', commands: [schema({ widen: [['amount', 'decimal(20, 2)']], first: ['amount'] })], model: true },
  {
    what: 'a required column',
    commands: [{ do: 'require', column: 'must' }],
    halts: { says: /firn\.events cannot be written as it is: .*must required.*make column must optional/, advised: [schema({ optional: ['must'] })] }
  },
  {
    what: 'a column made anew with another type',
    commands: [schema({ drop: ['quantity'] }), schema({ add: [['quantity', 'string']] })],
    forgets: 'quantity',
    halts: { says: /quantity \(field \d+\) was dropped.*rename column quantity to another name/, advised: [schema({ move: [['quantity', 'their_quantity']] })] }
  },
  {
    what: 'paths by a Java class',
    commands: [{ do: 'properties', set: { 'write.location-provider.impl': 'org.Own' } }],
    halts: { says: /write\.location-provider\.impl.*remove the property/, advised: [{ do: 'properties', remove: ['write.location-provider.impl'] }] }
  },
  { what: 'another codec and hashed paths', commands: [{ do: 'properties', set: { 'write.parquet.compression-codec': 'snappy', 'write.object-storage.enabled': 'true' } }] },
  {
    what: 'the table renamed',
    commands: [{ do: 'rename_table', from: 'firn.events', to: 'firn.events_of_yesterday' }],
    halts: { says: /renamed or dropped/, advised: [{ do: 'rename_table', from: 'firn.events_of_yesterday', to: 'firn.events' }] },
    long: true
  },
  { what: 'retention, a tag and a branch with rows of its own', commands: [{ do: 'properties', set: { 'history.expire.min-snapshots-to-keep': '3' } }, { do: 'refs', tag: 'audited', branch: 'audit' }, { do: 'append', ids: ['staged-1'], branch: 'audit' }] },
  { what: 'expired snapshots', commands: [{ do: 'expire', count: 3 }] },
  { what: 'a model\'s table partitioned anew', commands: [spec({ table, add: [['region', 'identity', 'region'], ['amount', 'bucket[2]', 'n']] })], model: true },
  { what: 'a model\'s column renamed', commands: [schema({ table, rename: [['region', 'their_region'], ['order_id', 'their_order']] })], model: true },
  { what: 'dead letters partitioned anew and their column renamed', commands: [spec({ table: 'firn.dead_letters', add: [['reason', 'identity', 'reason']] }), schema({ table: 'firn.dead_letters', rename: [['log_offset', 'at']] })] },
  { what: 'rows of the foreign file deleted', commands: [{ do: 'delete', ids: ['file-1', 'file-2'] }], returns: ['file-1', 'file-2'] },
  { what: 'an upgrade to format version 3', commands: [{ do: 'upgrade' }], model: true }
]
