import t from 'tap'
import { testModel, type Row } from './model-test.ts'

let id = 0
const event = (event_type: string, { time = '10:00:00', ...fields }: Row = {}): Row => {
  const event_time = `2026-03-01T${String(time)}Z`
  return { event_type, event_time, received_at: event_time, event_id: `e${++id}`, log_topic: 't', log_partition: 0, log_offset: 0, ...fields }
}
const view = (fields: Row = {}): Row => event('product_view', { session_id: 's', url: '/', product_id: 'P-1', ...fields })
const letter = (payload: string | null, fields: Row = {}): Row => ({ reason: 'not_json', payload, received_at: '2026-03-01T10:59:59.999999Z', committed_at: '2026-03-02T10:00:00Z', ...fields })
const none = { missing: 0, duplicates: 0, late: 0, late_for_the_day: 0, outliers: 0, dead_letters: 0 }

t.test('each type and hour: fields that are missing, rows that came twice or late', async t => {
  await testModel(t, 'data_quality', {
    'firn.events': [
      view(), view({ url: null, session_id: null }), view({ url: null }), view({ event_id: 'same' }), view({ event_id: 'same' }), view({ event_id: 'same', time: '11:00:00' }),
      view({ time: '10:30:00', received_at: '2026-03-01T10:40:00Z' }), view({ time: '10:30:00', received_at: '2026-03-01T10:40:00.001Z' }), view({ time: '10:59:59.999', received_at: '2026-03-02T01:00:00.001Z' }),
      event('order_created', { order_id: 'o1' }), event('payment_captured', { payment_id: 'p1', order_id: 'o1', amount: '1.00' }), event('customer_created'), event('orderly', { event_id: 'same' }), event('orderly', { received_at: '2026-03-02T01:00:00Z' })
    ]
  }, [
    { ...none, hour: '2026-03-01T10:00:00Z', event_type: 'product_view', rows: 8, missing: 2, missing_fields: 'session_id 1, url 2', duplicates: 1, late: 2, late_for_the_day: 1, first_event_at: '2026-03-01T10:00:00Z', last_event_at: '2026-03-01T10:59:59.999Z', last_received_at: '2026-03-02T01:00:00.001Z' },
    { ...none, hour: '2026-03-01T11:00:00Z', event_type: 'product_view', rows: 1, missing_fields: null, first_event_at: '2026-03-01T11:00:00Z', last_event_at: '2026-03-01T11:00:00Z', last_received_at: '2026-03-01T11:00:00Z' },
    { ...none, hour: '2026-03-01T11:00:00Z', event_type: '(all)', rows: 1, missing_fields: null, first_event_at: '2026-03-01T11:00:00Z', last_event_at: '2026-03-01T11:00:00Z', last_received_at: '2026-03-01T11:00:00Z' },
    { ...none, hour: '2026-03-01T10:00:00Z', event_type: 'order_created', rows: 1, missing: 1, missing_fields: 'product_id 1, quantity 1, unit_price 1, amount 1, customer_id 1, region 1', first_event_at: '2026-03-01T10:00:00Z', last_event_at: '2026-03-01T10:00:00Z', last_received_at: '2026-03-01T10:00:00Z' },
    { ...none, hour: '2026-03-01T10:00:00Z', event_type: 'payment_captured', rows: 1, first_event_at: '2026-03-01T10:00:00Z', last_event_at: '2026-03-01T10:00:00Z', last_received_at: '2026-03-01T10:00:00Z' },
    { ...none, hour: '2026-03-01T10:00:00Z', event_type: 'customer_created', rows: 1, missing: 1, missing_fields: 'customer_id 1', first_event_at: '2026-03-01T10:00:00Z', last_event_at: '2026-03-01T10:00:00Z', last_received_at: '2026-03-01T10:00:00Z' },
    { ...none, hour: '2026-03-01T10:00:00Z', event_type: 'orderly', rows: 2, late: 1, first_event_at: '2026-03-01T10:00:00Z', last_event_at: '2026-03-01T10:00:00Z', last_received_at: '2026-03-02T01:00:00Z' },
    { ...none, hour: '2026-03-01T10:00:00Z', event_type: '(all)', rows: 13, missing: 4, duplicates: 1, late: 3, late_for_the_day: 1, first_event_at: '2026-03-01T10:00:00Z', last_event_at: '2026-03-01T10:59:59.999Z', last_received_at: '2026-03-02T01:00:00.001Z' }
  ])
})

t.test('what the gateways refused, of all of them together, also in an hour that has nothing else', async t => {
  const refused = (hour: string, gateway: string, code: string, events: number): Row => ({ hour: `2026-03-01T${hour}:00:00Z`, gateway, code, write_key: null, events })
  await testModel(t, 'data_quality', {
    'firn.events': [view()],
    'analytics.ref_refused_events': [refused('10', 'g1', 'EVENT_FIELD_TYPE', 5), refused('10', 'g2', 'EVENT_FIELD_TYPE', 7), refused('10', 'g1', 'BODY_JSON', 11), refused('13', 'g1', 'B', 2), refused('13', 'g1', 'A', 2)]
  }, [
    { hour: '2026-03-01T10:00:00Z', event_type: 'product_view', rows: 1, refused: null, refused_mostly: null },
    { hour: '2026-03-01T10:00:00Z', event_type: '(all)', rows: 1, refused: 23, refused_mostly: 'EVENT_FIELD_TYPE' },
    { hour: '2026-03-01T13:00:00Z', event_type: '(all)', rows: 0, refused: 4, refused_mostly: 'A' }
  ])
})

t.test('dead letters by the type that their bytes say, dropped duplicates by the row that they repeat', async t => {
  const bytes = '\\xFF\\x00{"event_type" : "search","x":"event_type":"purchase"}'
  await testModel(t, 'data_quality', {
    'firn.events': [event('search', { event_id: 'known', session_id: 's', url: '/' }), event('search', { event_id: 'hour before', session_id: 's', url: '/', time: '09:59:59' })],
    'firn.dead_letters': [
      letter(bytes), letter('{"event_type":"search"'), letter('{"event_type":"unheard_of"}'), letter('nothing', { event_id: 'known' }), letter(null), letter('{"event_type":"order_created"}', { received_at: '2026-03-01T11:00:00Z' }),
      letter(null, { reason: 'duplicate', event_id: 'known' }), letter(null, { reason: 'duplicate', event_id: 'hour before' })
    ]
  }, [
    { hour: '2026-03-01T10:00:00Z', event_type: 'search', rows: 1, duplicates: 1, dead_letters: 2, last_received_at: '2026-03-01T10:00:00Z' },
    { hour: '2026-03-01T10:00:00Z', event_type: '(all)', rows: 1, duplicates: 2, dead_letters: 5, last_received_at: '2026-03-01T10:00:00Z' },
    { hour: '2026-03-01T09:00:00Z', event_type: 'search', rows: 1, duplicates: 0, dead_letters: 0, last_received_at: '2026-03-01T09:59:59Z' },
    { hour: '2026-03-01T09:00:00Z', event_type: '(all)', rows: 1, duplicates: 0, dead_letters: 0, last_received_at: '2026-03-01T09:59:59Z' },
    { hour: '2026-03-01T11:00:00Z', event_type: 'order_created', rows: 0, duplicates: 0, dead_letters: 1, last_received_at: null },
    { hour: '2026-03-01T11:00:00Z', event_type: '(all)', rows: 0, duplicates: 0, dead_letters: 1, last_received_at: null }
  ])
})

t.test('an outlier is more than 3.5 robust z-scores from the median of its type, hour and currency', async t => {
  const paid = (amount: string | number, fields: Row = {}): Row => event('payment_captured', { payment_id: 'p', order_id: 'o', amount: String(amount), currency: 'EUR', ...fields })
  /** 1 … 21: median 11, MAD 5: beyond |x - 11| = 3.5 * 5 / 0.6745 = 25.945. */
  const odd = Array.from({ length: 21 }, (_, i) => paid(i + 1))
  const outliers = async (events: Row[], ...expected: number[]): Promise<void> => {
    await testModel(t, 'data_quality', { 'firn.events': events }, [{ hour: '2026-03-01T10:00:00Z', event_type: 'payment_captured', rows: events.length, outliers: expected[0] }, { hour: '2026-03-01T10:00:00Z', event_type: '(all)', rows: events.length, outliers: expected[0] }])
  }
  await outliers(odd, 0)
  // With one value more on each side the median stays, and so does the MAD's middle: 1 … 21 and two far ones are 23, MAD 6, bound 31.13.
  await outliers([...odd, paid('-20.13'), paid('42.13')], 0)
  await outliers([...odd, paid('-20.14'), paid('42.14')], 2)
  // Even: 1 … 20, median 10.5, deviations 0.5 0.5 … 9.5 9.5, MAD 5.
  await outliers([...odd.slice(0, 20)], 0)
  // 20 are enough: 1 … 19 and a far one have the median 10.5 and the MAD 5, bound 25.945.
  await outliers([...odd.slice(0, 19), paid('36.44')], 0)
  await outliers([...odd.slice(0, 19), paid('36.45')], 1)
  // Each currency has its own median and spread.
  await outliers([...odd, paid('-20.14'), paid('42.14'), ...Array.from({ length: 21 }, (_, i) => paid((i + 1) * 1000, { currency: 'JPY' }))], 2)
  await outliers([...odd, paid('-20.14'), paid('42.14'), ...Array.from({ length: 21 }, (_, i) => paid((i + 1) * 0.01, { currency: 'JPY' })), paid('0.50', { currency: 'JPY' })], 3)
  // The amount counts; the price of a piece does where there is none.
  await outliers([...odd, paid(1000)].map(event => ({ ...event, unit_price: '1.00' })), 1)
  await outliers([...odd, paid(1000)].map(({ amount, ...event }) => ({ ...event, unit_price: amount })), 1)
  // 19 values are too few; another currency and another hour's values are others; half of one price has no spread.
  await outliers([...odd.slice(0, 18), paid(1000)], 0)
  await outliers([...odd, paid(1000, { currency: 'JPY' })], 0)
  await outliers([...Array.from({ length: 20 }, () => paid(5)), paid(1000)], 0)
  // Prices that come often: 10 and 12 nine times each, 14, 16 and twice 100 have the median 12, the MAD 2 and the bound 10.38.
  await outliers([10, 12].flatMap(price => Array.from({ length: 9 }, () => paid(price))).concat([14, 16, 100, 100].map(price => paid(price))), 2)
  // More than fits into half the digits.
  await outliers([...odd, paid('9999999999999999.99'), paid('-9999999999999999.99')], 2)
})

t.test('a day is sealed when the watermark is an hour past its end; what comes later counts and is told', async t => {
  const hour = (time: string, event_type: string, rows: number, last_received_at: string | null, fields: Row = {}): Row => ({ hour: `2026-03-${time}:00:00Z`, event_type, rows, dead_letters: 0, late_for_the_day: 0, first_event_at: `2026-03-${time}:10:00Z`, last_event_at: `2026-03-${time}:50:00Z`, last_received_at, ...fields })
  const quality = [
    hour('01T00', 'search', 5, '2026-03-01T01:00:00Z'), hour('01T23', 'search', 6, '2026-03-03T00:00:00Z', { late_for_the_day: 2, dead_letters: 1 }), hour('01T12', 'purchase', 1, '2026-03-01T12:30:00Z'),
    hour('02T00', 'search', 3, '2026-03-02T00:59:00Z'), hour('02T01', 'purchase', 0, null, { dead_letters: 4, first_event_at: null, last_event_at: null })
  ]
  const expected = (sealed: boolean): Row[] => [
    { day: '2026-03-01', event_type: 'search', rows: 11, dead_letters: 1, first_event_at: '2026-03-01T00:10:00Z', last_event_at: '2026-03-01T23:50:00Z', watermark: '2026-03-03T00:00:00Z', is_sealed: sealed, late_rows: 2 },
    { day: '2026-03-01', event_type: 'purchase', rows: 1, dead_letters: 0, first_event_at: '2026-03-01T12:10:00Z', last_event_at: '2026-03-01T12:50:00Z', watermark: '2026-03-01T12:30:00Z', is_sealed: sealed, late_rows: 0 },
    { day: '2026-03-02', event_type: 'search', rows: 3, dead_letters: 0, first_event_at: '2026-03-02T00:10:00Z', last_event_at: '2026-03-02T00:50:00Z', watermark: '2026-03-02T00:59:00Z', is_sealed: false, late_rows: 0 },
    { day: '2026-03-02', event_type: 'purchase', rows: 0, dead_letters: 4, first_event_at: null, last_event_at: null, watermark: null, is_sealed: false, late_rows: 0 }
  ]
  await testModel(t, 'completeness', { 'analytics.data_quality': quality }, expected(true), { watermark: '2026-03-02T01:00:00Z' })
  await testModel(t, 'completeness', { 'analytics.data_quality': quality }, expected(false), { watermark: '2026-03-02T00:59:59.999Z' })
})
