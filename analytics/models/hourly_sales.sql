-- Question:  How many orders came in each hour, and for how much?
-- Reads:     analytics.orders by ordered_at
-- Unit:      hour
-- Time:      hour
-- Key:       hour, currency
-- Partition: day(hour)
-- Sort:      hour
-- Owner:     sales
-- Columns:
--   hour               timestamptz    The start of the hour, in UTC.
--   currency           string         ISO 4217 code; XXX where the order says none.
--   total_orders       long           Orders placed in the hour, those cancelled since among them.
--   total_revenue      decimal(38,2)  What they cost as they are now.
--   avg_order_value    decimal(18,2)  Revenue by order, over the orders whose amount is known.
--   cancelled_orders   long           Those of them that are cancelled by now.
--   cancelled_revenue  decimal(38,2)  What the cancelled ones cost: to be taken off total_revenue for what stays.
select date_trunc('hour', o.ordered_at) as hour, coalesce(o.currency, 'XXX') as currency,
  count(*) as total_orders,
  coalesce(sum(o.amount), cast(0 as decimal(18,2))) as total_revenue,
  cast(round(cast(sum(o.amount) as double) / nullif(cast(count(o.amount) as double), 0), 2) as decimal(18,2)) as avg_order_value,
  count(*) filter (where o.order_status = 'CANCELLED') as cancelled_orders,
  coalesce(sum(o.amount) filter (where o.order_status = 'CANCELLED'), cast(0 as decimal(18,2))) as cancelled_revenue
from analytics.orders o
where o.is_created
group by date_trunc('hour', o.ordered_at), coalesce(o.currency, 'XXX')
