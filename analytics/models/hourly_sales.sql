-- Question:  How many orders came in each hour, and for how much?
-- Reads:     analytics.orders by ordered_at
-- Unit:      hour
-- Time:      hour
-- Key:       hour, currency
-- Partition: day(hour)
-- Sort:      hour
-- Needs:     analytics.orders where is_created
-- Owner:     sales
-- Columns:
--   hour               timestamptz    The start of the hour, in UTC.
--   currency           string         ISO 4217 code; XXX where the order says none.
--   total_orders       long           Orders placed in the hour that are not cancelled.
--   total_revenue      decimal(38,2)  What they cost as they are now.
--   net_revenue        decimal(38,2)  The same less what was given back.
--   avg_order_value    decimal(18,2)  Revenue by order, over the orders whose amount is known, rounded half up; null where there are none, or more than 40 trillion.
--   cancelled_orders   long           Further orders of the hour, that are cancelled by now.
--   cancelled_revenue  decimal(38,2)  What those cost. In no other column.
with placed as (
  select date_trunc('hour', o.ordered_at) as hour, coalesce(o.currency, 'XXX') as currency, o.amount, o.refunded_amount,
    coalesce(o.order_status = 'CANCELLED', false) as is_cancelled
  from analytics.orders o
  where o.is_created
),
hours as (
  select p.hour, p.currency,
    count(*) filter (where not p.is_cancelled) as total_orders,
    count(p.amount) filter (where not p.is_cancelled) as priced_orders,
    coalesce(sum(p.amount) filter (where not p.is_cancelled), cast(0 as decimal(18,2))) as total_revenue,
    coalesce(sum(p.refunded_amount) filter (where not p.is_cancelled), cast(0 as decimal(18,2))) as refunded,
    count(*) filter (where p.is_cancelled) as cancelled_orders,
    coalesce(sum(p.amount) filter (where p.is_cancelled), cast(0 as decimal(18,2))) as cancelled_revenue
  from placed p
  group by p.hour, p.currency
),
-- The average in whole numbers, (2 * cents + orders) by (2 * orders) without remainder: a double rounds halves either way.
halves as (
  select h.*,
    -- Up to here one engine's doubles hold whole numbers exactly.
    case when abs(h.total_revenue) < 40000000000000 then cast(h.total_revenue * cast(200 as decimal(3,0)) as bigint) + h.priced_orders end as dividend,
    nullif(2 * h.priced_orders, 0) as divisor
  from hours h
)
select h.hour, h.currency, h.total_orders, h.total_revenue, h.total_revenue - h.refunded as net_revenue,
  cast((h.dividend - mod(h.dividend, h.divisor)) / h.divisor as decimal(20,0)) * cast(0.01 as decimal(3,2)) as avg_order_value,
  h.cancelled_orders, h.cancelled_revenue
from halves h
