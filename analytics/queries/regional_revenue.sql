-- Question:   How much did each region earn between two days, and who answers for it?
-- Result:     one row per region, the largest first; regions that regions.csv does not know are in it without manager.
-- Parameters: from_day date, to_day date
select r.region, max(r.region_name) as region_name, max(r.manager) as manager, sum(r.orders) as orders, sum(r.cancelled_orders) as cancelled_orders,
  sum(r.revenue_usd) as revenue_usd, sum(case when r.revenue_usd is null then r.orders else 0 end) as orders_without_rate
from analytics.regional_revenue r
where r.day between {{from_day}} and {{to_day}}
group by r.region
order by revenue_usd desc nulls last, r.region
