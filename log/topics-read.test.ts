import t from 'tap'
import { fail } from './errors.ts'
import { ownTopic, topicsToRead } from './topics-read.ts'

const mappings = ['orders=orders', 'ecommerce_orders=orders', 'payments=payments']

/** A log that has these topics, and refuses to be asked for those. */
function logOf (topics: readonly string[], refused: readonly string[] = []) {
  return {
    identity: async (asked: readonly string[]) => {
      const not = asked.find(topic => refused.includes(topic))
      if (not !== undefined) throw fail('LOG_UNAUTHORIZED', { what: `topic ${not}`, reason: 'no right', path: 'kafka://broker' })
      return { clusterId: 'c', topicIds: new Map(asked.filter(topic => topics.includes(topic)).map(topic => [topic, `id of ${topic}`])) }
    }
  }
}

t.test('a direct producer\'s topic is read as soon as the log has it, without a word in any setting', async t => {
  const choice = { FIRN_LOG_MAPPINGS: mappings }
  t.strictSame(await topicsToRead(logOf([]), choice), [ownTopic])
  t.strictSame(await topicsToRead(logOf(['payments', 'else']), choice), [ownTopic, 'payments'])
  t.strictSame(await topicsToRead(logOf(['shop_orders']), { FIRN_LOG_MAPPINGS: ['shop_orders=orders'] }), [ownTopic, 'shop_orders'])
})

t.test('what the operator lists is read, and no other', async t => {
  t.strictSame(await topicsToRead(logOf(['orders', 'payments']), { FIRN_LOG_TOPICS: ['clicks', 'orders'], FIRN_LOG_MAPPINGS: mappings }), ['clicks', 'orders'])
})

t.test('a mapped topic that may not be asked for does not keep the others from being read', async t => {
  t.strictSame(await topicsToRead(logOf(['orders', 'payments'], ['orders']), { FIRN_LOG_MAPPINGS: mappings }), [ownTopic, 'payments'])
})

t.test('the line\'s own topic is named once, also where it has a mapping', async t => {
  t.strictSame(await topicsToRead(logOf([ownTopic]), { FIRN_LOG_MAPPINGS: [`${ownTopic}=orders`] }), [ownTopic])
})
