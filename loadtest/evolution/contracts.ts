// The two contracts that meet: yesterday's has a field more than today's release (points, an int), tomorrow's adds one
// (coupon_code), widens two (points to long, amount to a decimal of 20 digits, which more digits pass into) and relaxes one
// (payments may come without payment_id). And the changes that break somebody, with the reason that must be given.

import { contractVersion } from '../../openapi/index.ts'
import type { Edit } from './checkout.ts'

// What today's release does not have yet is the next version's, whichever today's is.
const next = contractVersion + 1
const nextButOne = contractVersion + 2

const lastField = '  properties: object('
const orderFields = "'order_status', 'region'] as const"
const amount = "  amount: money('The amount of money. On orders it defaults to quantity × unit_price.'),"

function withPoints (type: 'int' | 'long'): string {
  return `  points: { ...integer('Points that the order earns.', { since: ${next} }), iceberg: '${type}' },\n`
}

export const yesterday: readonly Edit[] = [
  ['openapi/fields.ts', lastField, withPoints('int') + lastField],
  ['openapi/event-types.ts', orderFields, "'order_status', 'region', 'points'] as const"]
]

export const tomorrow: readonly Edit[] = [
  ['openapi/fields.ts', lastField, `${withPoints('long')}  coupon_code: text('The coupon that was used.', { since: ${nextButOne} }),\n${lastField}`],
  ['openapi/event-types.ts', orderFields, "'order_status', 'region', 'points', 'coupon_code'] as const"],
  ['openapi/fields.ts', amount, amount.replace("money('", "{ ...money('").replace('),', "), iceberg: 'decimal(20, 2)' },")],
  ['openapi/money.ts', 'integerDigits > 16', 'integerDigits > 18'],
  ['openapi/kinds.ts', '[0-9]{0,15}', '[0-9]{0,17}'],
  ['openapi/event-types.ts', "required: ['payment_id', 'order_id', 'amount']", "required: ['order_id', 'amount']"]
]

/** Against tomorrow's lock. */
export const breaking: ReadonlyArray<{ readonly what: string, readonly edits: readonly Edit[], readonly reason: RegExp }> = [
  {
    what: 'a field that is renamed',
    edits: [['openapi/fields.ts', '  coupon_code: text', '  voucher: text'], ['openapi/event-types.ts', "'coupon_code'", "'voucher'"]],
    reason: /field coupon_code was removed or renamed: senders still send it and the table has its column/
  },
  {
    what: 'a field that is dropped',
    edits: [['openapi/fields.ts', `  coupon_code: text('The coupon that was used.', { since: ${nextButOne} }),\n`, ''], ['openapi/event-types.ts', ", 'coupon_code'", '']],
    reason: /field coupon_code was removed or renamed/
  },
  {
    what: 'a field that is narrowed',
    edits: [['openapi/fields.ts', "iceberg: 'long' },", "iceberg: 'int' },"]],
    reason: /field points changed from long to int: values that were accepted would no longer fit/
  },
  {
    what: 'a precision that is narrowed',
    edits: [['openapi/fields.ts', "iceberg: 'decimal(20, 2)'", "iceberg: 'decimal(18, 2)'"]],
    reason: /field amount changed from decimal\(20, 2\) to decimal\(18, 2\)/
  },
  {
    what: 'a field that becomes required',
    edits: [['openapi/event-types.ts', "required: ['order_id', 'amount']", "required: ['payment_id', 'order_id', 'amount']"]],
    reason: /makes payment_id required: senders that leave it out would be refused/
  }
]
