import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { testModel, type Row } from '../models/model-test.ts'

const at = (time: string): string => `2026-01-31T${time}Z`
const found = (order_id: string, score: number, time: string, evidence: string, more: Row = {}): Row => ({ order_id, score, event_time: at(time), received_at: at(time), evidence, ...more })

t.test('scores add up, each rule once with its highest, and below three nobody is told', async t => {
  await testModel(t, 'fraud_alerts', {
    'analytics.fraud_amount': [found('o-1', 2, '10:00:00', 'over 2,000'), found('o-1', 3, '11:00:00', 'over 3,000', { customer_id: 'c-1' }), found('o-2', 2, '10:00:00', 'over 2,000')],
    'analytics.fraud_travel': [found('o-1', 3, '10:30:00', 'Tokyo')],
    'analytics.fraud_cards_per_session': [found('o-3', 2, '10:00:00', '3 cards')],
    'analytics.fraud_amount_outlier': [found('o-3', 2, '10:01:00', '9 times')]
  }, [
    { alert_id: 'fraud-o-1', order_id: 'o-1', customer_id: 'c-1', event_time: at('10:30:00'), received_at: at('11:00:00'), score: 6, rules: 'amount, travel', evidence: 'over 3,000; Tokyo' },
    { alert_id: 'fraud-o-3', order_id: 'o-3', event_time: at('10:00:00'), received_at: at('10:01:00'), score: 4, rules: 'amount_outlier, cards_per_session', evidence: '9 times; 3 cards' }
  ])
})

t.test('a cancelled order counts on top of another score, never by itself', async t => {
  await testModel(t, 'fraud_alerts', {
    'analytics.fraud_cancelled': [found('o-1', 1, '10:10:00', 'it was cancelled'), found('o-2', 1, '10:00:00', 'it was cancelled'), found('o-2', 1, '11:00:00', 'it was refunded'), found('o-2', 1, '12:00:00', 'it was refunded')],
    'analytics.fraud_amount': [found('o-1', 2, '10:00:00', 'over 2,000')]
  }, [{ order_id: 'o-1', score: 3, rules: 'amount, cancelled', evidence: 'over 2,000; it was cancelled' }])
})

t.test('every rule in the folder counts', async t => {
  const rules = readdirSync(join(import.meta.dirname, 'rules')).map(name => name.replace('.sql', '')).sort()
  const text = readFileSync(join(import.meta.dirname, 'fraud_alerts.sql'), 'utf8')
  t.strictSame([...text.matchAll(/^--.*analytics\.(fraud_\w+) by order_id/gm)].map(match => match[1]).sort(), rules)
  t.strictSame([...text.matchAll(/'(\w+)' as rule from analytics\.(fraud_\w+) a/g)].map(([, rule, table]) => `fraud_${rule}` === table ? table : `${table} is called ${rule}`).sort(), rules)
})
