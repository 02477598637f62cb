// For tests: small models of every kind of unit, with a look back, lateness, rows that only come once the watermark passed,
// models on models, and a source that is read whole. Their SQL runs on both engines.

import { parseModel, type Model } from '../models/model-file.ts'

/** `columns`: name and type, one a line. */
function model (name: string, header: string, columns: string, sql: string): Model {
  const comment = (text: string, behind = ''): string => text.trim().split('\n').map(line => `-- ${/^[A-Z]\w+:/.test(line.trim()) ? '' : '  '}${line.trim()}${behind}\n`).join('')
  return parseModel(name, `-- Question: ?\n-- Owner: tests\n${comment(header)}-- Columns:\n${comment(columns, ' Said by its name.')}${sql}`)
}

const sales = model('sales', `
  Reads: firn.events(order_created) by event_time
  Unit: hour
  Time: hour
  Key: hour, currency
  Partition: day(hour)`, `
  hour timestamptz
  currency string
  orders long
  revenue decimal(38,2)`, `
select date_trunc('hour', e.event_time) as hour, e.currency, count(*) as orders, sum(cast(e.amount as decimal(38,2))) as revenue
from firn.events e group by date_trunc('hour', e.event_time), e.currency`)

const orders = model('orders', `
  Reads: firn.events(order_created, order_updated) by order_id
  Unit: key order_id
  Time: ordered_at
  Key: order_id
  Partition: bucket(3, order_id)
  Sort: ordered_at
  Lateness: 10 minutes`, `
  order_id string
  customer_id string
  ordered_at timestamptz
  updates long
  amount decimal(38,2)
  final boolean`, `
select e.order_id, max(e.customer_id) as customer_id, min(e.event_time) as ordered_at, count(*) as updates, sum(cast(e.amount as decimal(38,2))) as amount,
  min(e.event_time) + interval '10' minute <= {{watermark}} as final
from firn.events e group by e.order_id`)

const minutes = model('minutes', `
  Reads: firn.events(order_created, order_updated) by event_time
  Unit: hour
  Time: minute
  Key: minute
  Partition: day(minute)
  Lateness: 10 minutes`, `
  minute timestamptz
  events long
  final boolean`, `
select date_trunc('minute', e.event_time) as minute, count(*) as events, date_trunc('minute', e.event_time) + interval '10' minute < {{watermark}} as final
from firn.events e group by date_trunc('minute', e.event_time)`)

const bursts = model('bursts', `
  Reads: firn.events(order_created) by event_time with 90 minutes before
  Unit: hour
  Time: seen_at
  Key: event_id
  Partition: hour(seen_at)`, `
  event_id string
  seen_at timestamptz
  earlier long`, `
select e.event_id, e.event_time as seen_at, count(p.event_id) as earlier
from firn.events e left join firn.events p on p.customer_id = e.customer_id and p.event_time < e.event_time and p.event_time >= e.event_time - interval '90' minute
group by e.event_id, e.event_time`)

const days = model('days', `
  Reads: analytics.orders by ordered_at
  Unit: day
  Time: day
  Key: day
  Partition: month(day)`, `
  day date
  orders long
  finals long
  amount decimal(38,2)`, `
select cast(o.ordered_at as date) as day, count(*) as orders, count(*) filter (where o.final) as finals, sum(o.amount) as amount
from analytics.orders o group by cast(o.ordered_at as date)`)

const buyers = model('buyers', `
  Reads: analytics.orders by customer_id
  Unit: key customer_id
  Key: customer_id
  Partition: bucket(2, customer_id)`, `
  customer_id string
  orders long
  amount decimal(38,2)`, `
select o.customer_id, count(*) as orders, sum(o.amount) as amount from analytics.orders o group by o.customer_id`)

const silent = model('silent', `
  Reads: firn.events(order_created, payment_captured) by order_id
  Unit: key order_id
  Time: ordered_at
  Key: order_id
  Lateness: 30 minutes`, `
  order_id string
  ordered_at timestamptz`, `
select e.order_id, min(e.event_time) as ordered_at from firn.events e group by e.order_id
having count(*) filter (where e.event_type = 'payment_captured') = 0 and min(e.event_time) + interval '30' minute < {{watermark}}`)

const shares = model('shares', `
  Reads: firn.events(order_created) by customer_id
         analytics.best
  Unit: key customer_id
  Key: customer_id`, `
  customer_id string
  events long
  best decimal(38,2)`, `
select e.customer_id, count(*) as events, max(b.amount) as best from firn.events e cross join analytics.best b group by e.customer_id`)

const best = model('best', `
  Reads: analytics.buyers
  Unit: full
  Key: place`, `
  place long
  customer_id string
  amount decimal(38,2)`, `
select r.place, r.customer_id, r.amount from (select row_number() over (order by b.amount desc nulls last, b.customer_id) as place, b.customer_id, b.amount from analytics.buyers b) r where r.place <= 2`)

/** In an order in which they can be computed. */
export const testModels: readonly Model[] = [sales, orders, minutes, bursts, days, buyers, best, silent, shares]
