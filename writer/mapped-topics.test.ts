import t from 'tap'
import { until } from '../runtime/index.ts'
import { openLine } from './started-line.ts'

const order = (id: string): string => JSON.stringify({ order_id: id, customer_id: 'c1', product_id: 'p1', product_name: 'cup', category: 'kitchen', quantity: 1, unit_price: 9.5, order_status: 'NEW', region: 'EU', timestamp: new Date().toISOString() })

t.test('a topic that a direct producer makes while the writer runs is read from its beginning', async t => {
  const line = await openLine(t.testdir({}))
  const stop = new AbortController()
  const count = async (): Promise<number> => {
    const found = await line.query("SELECT count(*)::INTEGER AS n FROM events WHERE log_topic = 'orders'").catch(() => [])
    return Number(found[0]?.n ?? 0)
  }
  try {
    const running = line.drain({ topics: ['ecommerce_events'], topicsWhereFound: ['orders', 'payments'], topicsLookMs: 20, untilEnd: false, signal: stop.signal })
    await line.log.ensureTopic('orders')
    await line.send([{ topic: 'orders', value: order('o-1'), headers: {} }, { topic: 'orders', value: order('o-2'), headers: {} }])
    await until(async () => await count() === 2)
    stop.abort()
    await running
    t.strictSame(await line.query('SELECT count(*)::INTEGER AS n FROM dead_letters').catch(() => [{ n: 0 }]), [{ n: 0 }])
  } finally {
    stop.abort()
    await line.close()
  }
})

t.test('a drain takes the mapped topics that are there, and ends', async t => {
  const line = await openLine(t.testdir({}))
  try {
    await line.log.ensureTopic('orders')
    await line.send([{ topic: 'orders', value: order('o-1'), headers: {} }])
    await line.drain({ topics: ['ecommerce_events'], topicsWhereFound: ['orders', 'payments'] })
    t.strictSame(await line.query('SELECT log_topic, count(*)::INTEGER AS n FROM events GROUP BY ALL'), [{ log_topic: 'orders', n: 1 }])
  } finally {
    await line.close()
  }
})
