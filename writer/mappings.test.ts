import t from 'tap'
import { mappingsOf } from './config.ts'
import { openLine } from './started-line.ts'

t.test('producers that write their own JSON to a topic with a mapping get rows; what cannot be one is kept as it was sent', async t => {
  const line = await openLine(t.testdir({}), ['orders', 'payments'], 1)
  try {
    const timestamp = new Date().toISOString()
    const order = { order_id: 17, customer_id: 'c-1', product_id: 'p-1', product_name: 'Lamp', category: 'home', quantity: 2, unit_price: 19.9, order_status: 'NEW', region: 'EU', timestamp, colour: 'red' }
    const broken = JSON.stringify({ order_id: 18, order_status: 'NEW', quantity: 'many', timestamp })
    await line.send([
      { topic: 'orders', value: JSON.stringify(order), headers: {} },
      { topic: 'orders', value: JSON.stringify(order), headers: {} },
      { topic: 'orders', value: JSON.stringify({ ...order, product_id: 'p-2' }), headers: {} },
      { topic: 'orders', value: JSON.stringify({ ...order, order_status: 'CANCELLED' }), headers: {} },
      { topic: 'orders', value: broken, headers: {} },
      { topic: 'payments', value: JSON.stringify({ payment_id: 'pay-1', order_id: 17, amount: 39.8, timestamp }), headers: {} },
      { topic: 'orders', value: JSON.stringify({ event_id: 'ours', event_type: 'order_created', order_id: 'o-9', timestamp }) }
    ])
    await line.drain()
    t.strictSame(await line.query('SELECT event_type, order_id, CAST(amount AS VARCHAR) AS amount, json_extract_string(properties, \'$."$extra".colour\') AS colour FROM events ORDER BY ALL'), [
      { event_type: 'order_cancelled', order_id: '17', amount: '39.80', colour: 'red' },
      { event_type: 'order_created', order_id: '17', amount: '39.80', colour: 'red' },
      { event_type: 'order_created', order_id: '17', amount: '39.80', colour: 'red' },
      { event_type: 'order_created', order_id: 'o-9', amount: null, colour: null },
      { event_type: 'payment_captured', order_id: '17', amount: '39.80', colour: null }
    ])
    t.match(await line.query('SELECT reason, decode(payload) AS payload FROM dead_letters ORDER BY reason DESC'), [{ reason: 'duplicate', payload: JSON.stringify(order) }, { payload: broken }])
  } finally {
    await line.close()
  }
})

t.test('a record that is dropped since another one is the same in every field keeps its bytes; one that repeats an id of its own does not', async t => {
  const line = await openLine(t.testdir({}), ['orders', 'payments'], 1)
  try {
    const timestamp = new Date().toISOString()
    const position = { order_id: 'o-1', product_id: 'p-1', quantity: 1, unit_price: 19.9, order_status: 'NEW', timestamp }
    // The same to the contract, other bytes: two lines of one order in one millisecond, or one line told twice. Nobody here can tell.
    const again = JSON.stringify(Object.fromEntries(Object.entries(position).reverse()), null, 1)
    const payment = JSON.stringify({ payment_id: 'pay-1', order_id: 'o-1', amount: 19.9, timestamp })
    const own = JSON.stringify({ ...position, event_id: 'mine' })
    const event = JSON.stringify({ event_id: 'ours', event_type: 'order_created', order_id: 'o-9', timestamp })
    const send = async (topic: string, ...values: readonly string[]): Promise<void> => { await line.send(values.map(value => ({ topic, value, headers: {} }))) }
    await send('orders', JSON.stringify(position), again, own, own, event, event)
    await send('payments', payment)
    await line.drain()
    await send('payments', payment)
    await send('orders', again)
    await line.drain()
    t.same(await line.query('SELECT count(*)::INT AS n FROM events'), [{ n: 4 }])
    t.strictSame(await line.query("SELECT log_topic, log_offset::INT AS log_offset, decode(payload) AS payload, error LIKE '%made from%' AS says FROM dead_letters WHERE reason = 'duplicate' ORDER BY ALL"), [
      { log_topic: 'orders', log_offset: 1, payload: again, says: true },
      { log_topic: 'orders', log_offset: 3, payload: null, says: false },
      { log_topic: 'orders', log_offset: 5, payload: null, says: false },
      { log_topic: 'orders', log_offset: 6, payload: again, says: true },
      { log_topic: 'payments', log_offset: 1, payload: payment, says: true }
    ])
  } finally {
    await line.close()
  }
})

t.test('a mapping that does not exist is refused by name', async t => {
  t.strictSame(mappingsOf(['shop=orders']), { shop: 'orders' })
  t.throws(() => mappingsOf(['shop=invoices']), { code: 'WRITER_SETTING', message: /shop=invoices.*orders, order_updates, payments/ })
})
