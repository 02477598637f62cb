-- Question:  How much does each region earn a day, cancelled orders aside, and who answers for it?
-- Reads:     analytics.orders by ordered_at
--            analytics.ref_regions
--            analytics.ref_rates
-- Unit:      day
-- Time:      day
-- Key:       day, region, currency
-- Partition: month(day)
-- Sort:      day, region
-- Needs:     analytics.orders where is_created
-- Owner:     sales
-- Columns:
--   day               date           When it was ordered, in UTC.
--   region            string         As the orders name it; "none" where they name none.
--   currency          string         ISO 4217 code; XXX where the order says none.
--   region_name       string         From regions.csv; null where it does not know the region.
--   manager           string         From regions.csv.
--   is_known_region   boolean        Whether regions.csv knows the region: the others are kept, and counted here.
--   orders            long           Orders that are not cancelled.
--   revenue           decimal(38,2)  What they cost.
--   net_revenue       decimal(38,2)  The same less what was given back.
--   revenue_usd       decimal(38,2)  The same in USD by rates.csv; null without a rate.
--   cancelled_orders  long           Orders that were cancelled.
with sold as (
  select cast(o.ordered_at as date) as day, coalesce(o.region, 'none') as region, coalesce(o.currency, 'XXX') as currency,
    count(*) filter (where o.order_status <> 'CANCELLED') as orders,
    coalesce(sum(o.amount) filter (where o.order_status <> 'CANCELLED'), cast(0 as decimal(18,2))) as revenue,
    coalesce(sum(o.refunded_amount) filter (where o.order_status <> 'CANCELLED'), cast(0 as decimal(18,2))) as refunded,
    count(*) filter (where o.order_status = 'CANCELLED') as cancelled_orders
  from analytics.orders o
  where o.is_created
  group by cast(o.ordered_at as date), coalesce(o.region, 'none'), coalesce(o.currency, 'XXX')
)
select s.day, s.region, s.currency, g.name as region_name, g.manager, g.region is not null as is_known_region,
  s.orders, s.revenue, s.revenue - s.refunded as net_revenue, cast(try_cast(s.revenue as decimal(20,2)) * r.usd_rate as decimal(38,2)) as revenue_usd, s.cancelled_orders
from sold s
left join analytics.ref_regions g on g.region = s.region
left join analytics.ref_rates r on r.currency = s.currency
