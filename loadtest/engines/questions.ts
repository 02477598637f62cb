// What every judge is asked of a snapshot: all rows, and counts under filters on each kind of column.

import type { Literal, Question } from './question.ts'

const string = (value: string): Literal => ({ kind: 'string', value })
const decimal = (value: string): Literal => ({ kind: 'decimal', value })

/** The questions at a snapshot (null: the current one). The rows themselves are compared there too. */
export function questionsAt (snapshot: string | null): Question[] {
  const counts: Array<[string, Question['filter']]> = [
    ['one-type', ['=', 'event_type', string('order_created')]],
    ['two-types', ['in', 'event_type', [string('page_view'), string('payment_failed')]]],
    ['not-a-type', ['not', ['=', 'event_type', string('search')]]],
    ['no-session', ['is-null', 'session_id']],
    ['with-amount', ['not-null', 'amount']],
    ['small-amount', ['and', ['not-null', 'amount'], ['<', 'amount', decimal('1000.00')]]],
    ['huge-amount', ['>=', 'amount', decimal('9999999999999999.99')]],
    ['non-ascii-user', ['=', 'user_id', string('東京タワー')]],
    ['past-the-bound', ['=', 'user_id', string('x'.repeat(40))]],
    ['highest-code-point', ['starts-with', 'user_id', string('\u{10FFFF}')]],
    ['quantity', ['and', ['not-null', 'quantity'], ['<', 'quantity', { kind: 'long', value: '50' }]]],
    ['either', ['or', ['=', 'event_type', string('purchase')], ['is-null', 'user_id']]]
  ]
  return [
    { name: 'all', filter: null, snapshot, rows: true },
    ...counts.map(([name, filter]) => ({ name, filter, snapshot, rows: false }))
  ]
}
