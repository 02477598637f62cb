import { copyFileSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readModels } from '../models/catalogue.ts'
import { testModel, type Row } from '../models/model-test.ts'
import { withRules } from './alerts-text.ts'

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
    'analytics.fraud_cancelled': [found('o-1', 1, '10:10:00', 'it was cancelled'), found('o-2', 1, '10:00:00', 'it was cancelled'), found('o-2', 1, '11:00:00', 'it was refunded'), found('o-2', 1, '12:00:00', 'it was refunded'), found('o-9', 3, '12:00:00', 'it was refunded, and somebody raised the score')],
    'analytics.fraud_amount': [found('o-1', 2, '10:00:00', 'over 2,000')]
  }, [{ order_id: 'o-1', score: 3, rules: 'amount, cancelled', evidence: 'over 2,000; it was cancelled' }])
})

t.test('the file names every rule in the folder as it would be written', async t => {
  const rules = readdirSync(join(import.meta.dirname, 'rules')).map(name => name.replace('.sql', ''))
  const text = readFileSync(join(import.meta.dirname, 'fraud_alerts.sql'), 'utf8')
  t.equal(withRules(text, rules), text)
})

t.test('a rule that is put into the folder counts, one that is moved away does not', async t => {
  const folder = t.testdir({ rules: {} })
  for (const [from, name] of [['rules', 'fraud_travel'], ['off', 'fraud_trained'], ['.', 'fraud_alerts']] as const) copyFileSync(join(import.meta.dirname, from, `${name}.sql`), join(folder, 'rules', `${name}.sql`))
  const models = await readModels({ models: [], rules: [join(folder, 'rules')] })
  t.strictSame(models.find(({ name }) => name === 'fraud_alerts')?.reads.map(({ table }) => table), ['analytics.fraud_trained', 'analytics.fraud_travel'])
  t.equal(models.at(-1)?.name, 'fraud_alerts')
})

t.test('a rule that could not be added up is refused by name', async t => {
  const folder = t.testdir({ rules: {} })
  const text = readFileSync(join(import.meta.dirname, 'rules/fraud_travel.sql'), 'utf8')
  writeFileSync(join(folder, 'rules/fraud_x.sql'), text.replace(/--   received_at.*\n/, ''))
  await t.rejects(readModels({ models: [], rules: [join(folder, 'rules')] }), { code: 'MODEL_INVALID', message: /fraud_x.*lacks received_at/ })
  renameSync(join(folder, 'rules/fraud_x.sql'), join(folder, 'rules/x.sql'))
  await t.rejects(readModels({ models: [], rules: [join(folder, 'rules')] }), { code: 'MODEL_INVALID', message: /begins with fraud_/ })
})
