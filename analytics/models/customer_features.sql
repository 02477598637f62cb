-- Question:  How recently, how often and for how much does each customer order, and what?
-- Reads:     analytics.orders by customer_id
--            analytics.order_items by customer_id
--            analytics.ref_rates
--            analytics.current_day
-- Unit:      key customer_id
-- Time:      first_order_at
-- Key:       customer_id
-- Partition: month(first_order_at)
-- Sort:      customer_id
-- Needs:     analytics.orders where customer_id is not null and is_created
-- Freshness: 15 minutes
-- Owner:     marketing
-- Columns:
--   customer_id         string         The customer. Who only cancelled has a row without money.
--   first_order_at      timestamptz    The first order, cancelled or not.
--   last_order_at       timestamptz    The last order that is not cancelled; null without.
--   recency_days        int            Days from that to the day of the watermark; an order from the future counts as today.
--   frequency           long           Orders that are not cancelled.
--   money_usd           decimal(38,2)  What they cost, in USD by rates.csv; those in a currency without rate are not in it.
--   average_usd         decimal(18,4)  money_usd by the orders that are in it; null without any, or for more money than fits.
--   cancelled_orders    long           Orders that were cancelled.
--   returned_orders     long           Orders that came back or were refunded.
--   favourite_category  string         The category with the most pieces, cancelled orders aside; of two with as many, the first in the alphabet.
with history as (
  select o.customer_id, min(o.ordered_at) as first_order_at,
    max(o.ordered_at) filter (where o.order_status <> 'CANCELLED') as last_order_at,
    count(*) filter (where o.order_status <> 'CANCELLED') as frequency,
    count(*) filter (where o.order_status <> 'CANCELLED' and o.amount is not null and r.usd_rate is not null) as rated,
    cast(sum(cast(o.amount as decimal(20,2)) * r.usd_rate) filter (where o.order_status <> 'CANCELLED') as decimal(38,2)) as money_usd,
    count(*) filter (where o.order_status = 'CANCELLED') as cancelled_orders,
    count(*) filter (where o.order_status in ('RETURNED', 'REFUNDED')) as returned_orders
  from analytics.orders o
  left join analytics.ref_rates r on r.currency = o.currency
  where o.customer_id is not null and o.is_created
  group by o.customer_id
),
categories as (
  select i.customer_id, i.category, sum(cast(i.quantity as decimal(20,0))) as pieces
  from analytics.order_items i
  where i.customer_id is not null and i.category is not null and i.order_status <> 'CANCELLED'
  group by i.customer_id, i.category
),
ranked as (
  select c.customer_id, c.category, row_number() over (partition by c.customer_id order by c.pieces desc nulls last, c.category) as place
  from categories c
)
select h.customer_id, h.first_order_at, h.last_order_at,
  case when cast(h.last_order_at as date) > d.day then 0 else cast(date_diff('day', cast(h.last_order_at as date), d.day) as integer) end as recency_days,
  h.frequency, coalesce(h.money_usd, cast(0 as decimal(38,2))) as money_usd,
  try_cast(round(cast(h.money_usd as double) / nullif(cast(h.rated as double), 0), 4) as decimal(18,4)) as average_usd,
  h.cancelled_orders, h.returned_orders, k.category as favourite_category
from history h
cross join analytics.current_day d
left join ranked k on k.customer_id = h.customer_id and k.place = 1
