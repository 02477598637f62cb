-- Question: Are the hours of a day together, by currency, the orders of that day?
-- Result:   a row for each currency where numbers or sums differ
select coalesce(h.currency, o.currency) as currency, h.orders as hourly_sales, o.orders as orders, h.revenue as hourly_revenue, o.revenue as orders_revenue
from (
  select m.currency, sum(m.total_orders) as orders, sum(m.total_revenue) as revenue
  from analytics.hourly_sales m where m.hour >= {{from}} and m.hour < {{to}} group by m.currency
) h
full outer join (
  select coalesce(m.currency, 'XXX') as currency, count(*) as orders, coalesce(sum(m.amount), cast(0 as decimal(18,2))) as revenue
  from analytics.orders m where m.is_created and m.order_status <> 'CANCELLED' and m.ordered_at >= {{from}} and m.ordered_at < {{to}}
  group by coalesce(m.currency, 'XXX')
) o on o.currency = h.currency
where h.orders is distinct from o.orders or h.revenue is distinct from o.revenue
