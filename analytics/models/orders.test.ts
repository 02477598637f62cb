import t from 'tap'
import { testModel } from './model-test.ts'
t.test('x', async t => {
  await testModel(t, 'orders', {
    'firn.events': [
      { event_type: 'order_created', order_id: 'o1', event_time: '2026-03-01T10:00:00Z', received_at: '2026-03-01T10:00:01Z', amount: 10, currency: 'EUR', location: { country: 'DE' } },
      { event_type: 'order_cancelled', order_id: 'o1', event_time: '2026-03-01T11:00:00Z', received_at: '2026-03-01T10:00:01Z' }
    ]
  }, [{ order_id: 'o1', amount: '10', order_status: 'CANCELLED', ordered_at: '2026-03-01T10:00:00Z' }])
})
