import t from 'tap'
import { routeTopics, undeclaredRoutes } from './topic-routes.ts'
import { someEvent, startGateway } from './started-gateway.ts'

const topics = ['ecommerce_events', 'ecommerce_orders', 'payments']
const json = { 'content-type': 'application/json' }

t.test('without routes every event type goes to the first topic', async t => {
  const topicOf = routeTopics({ FIRN_LOG_TOPICS: topics, FIRN_LOG_ROUTES: [] })
  t.same(['page_view', 'order_created', 'undeclared'].map(topicOf), Array.from({ length: 3 }, () => 'ecommerce_events'))
})

t.test('a family has its topic, a type may leave its family, an undeclared type can be routed by name', async t => {
  const topicOf = routeTopics({ FIRN_LOG_TOPICS: [...topics, 'refunds', 'wishes'], FIRN_LOG_ROUTES: ['payment_refunded=refunds', 'order=ecommerce_orders', 'payment=payments', 'wish_made=wishes'] })
  t.same(
    ['page_view', 'order_created', 'order_item_added', 'payment_failed', 'payment_refunded', 'wish_made', 'customer_created'].map(topicOf),
    ['ecommerce_events', 'ecommerce_orders', 'ecommerce_orders', 'payments', 'refunds', 'wishes', 'ecommerce_events'])
  t.same(undeclaredRoutes(['order=a', 'page_view=b', 'orders=c']), ['orders'])
})

t.test('a topic that nobody reads and two topics for one name are refused', async t => {
  t.throws(() => routeTopics({ FIRN_LOG_TOPICS: topics, FIRN_LOG_ROUTES: ['order=orders'] }), { code: 'GATEWAY_SETTING', message: /order=orders leads to a topic that is not in FIRN_LOG_TOPICS/ })
  t.throws(() => routeTopics({ FIRN_LOG_TOPICS: topics, FIRN_LOG_ROUTES: ['order=payments', 'order=ecommerce_orders'] }), { code: 'GATEWAY_SETTING', message: /order is led to both/ })
})

t.test('one request lands in several topics, each event in its own', async t => {
  const gateway = await startGateway(t, { settings: { FIRN_LOG_TOPICS: topics.join(','), FIRN_LOG_ROUTES: 'order=ecommerce_orders,payment=payments' } })
  const answer = await gateway.app.inject({
    method: 'POST', url: '/v1/events', headers: json, payload: [
      someEvent({ event_id: 'view' }), someEvent({ event_id: 'order', event_type: 'order_created', order_id: 'o' }),
      someEvent({ event_id: 'pay', event_type: 'payment_captured', payment_id: 'p', order_id: 'o', amount: '1.00' })]
  })
  t.equal(answer.statusCode, 202)
  const idsOf = async (topic: string): Promise<string[]> => (await gateway.records(topic)).map(record => (JSON.parse(record.value) as { event_id: string }).event_id)
  t.same(await Promise.all(topics.map(idsOf)), [['view'], ['order'], ['pay']])
  const single = await gateway.app.inject({ method: 'POST', url: '/v1/events', headers: json, payload: someEvent({ event_id: 'order-2', event_type: 'order_created', order_id: 'o' }) })
  t.equal(single.json().position.topic, 'ecommerce_orders')
})
