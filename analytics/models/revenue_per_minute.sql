-- Question:  For how much money is ordered, minute by minute, and which minutes are settled?
-- Reads:     analytics.orders by ordered_at
-- Unit:      hour
-- Time:      minute
-- Key:       minute, currency
-- Partition: day(minute)
-- Sort:      minute
-- Needs:     analytics.orders where is_created and order_status <> 'CANCELLED'
-- Lateness:  11 minutes
-- Owner:     sales
-- Columns:
--   minute    timestamptz    The start of the minute, in UTC.
--   currency  string         ISO 4217 code; XXX where the order says none.
--   orders    long           Orders that were placed in it and are not cancelled; one that was sent twice is one. Minutes without orders have no row.
--   revenue   decimal(38,2)  What they cost.
--   net_revenue  decimal(38,2)  The same less what was given back.
--   is_final  boolean        Whether the watermark is 10 minutes behind the end of the minute. A row that comes later still counts, and changes it.
select date_trunc('minute', o.ordered_at) as minute, coalesce(o.currency, 'XXX') as currency,
  count(*) as orders, coalesce(sum(o.amount), cast(0 as decimal(18,2))) as revenue,
  coalesce(sum(o.amount), cast(0 as decimal(18,2))) - coalesce(sum(o.refunded_amount), cast(0 as decimal(18,2))) as net_revenue,
  date_trunc('minute', o.ordered_at) + interval '11' minute <= {{watermark}} as is_final
from analytics.orders o
where o.is_created and o.order_status <> 'CANCELLED'
group by date_trunc('minute', o.ordered_at), coalesce(o.currency, 'XXX')
