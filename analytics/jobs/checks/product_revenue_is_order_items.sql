-- Question: Is what the products of a day earned, by currency, what its positions cost, cancelled orders aside?
-- Result:   a row for each currency where the two differ
select coalesce(p.currency, i.currency) as currency, p.revenue as product_revenue, i.amount as order_items
from (
  select m.currency, sum(m.revenue) as revenue from analytics.product_revenue m where m.day = {{date}} group by m.currency
) p
full outer join (
  select coalesce(m.currency, 'XXX') as currency, coalesce(sum(m.amount), cast(0 as decimal(38,2))) as amount
  from analytics.order_items m
  where m.ordered_at >= {{from}} and m.ordered_at < {{to}} and m.order_status <> 'CANCELLED'
  group by coalesce(m.currency, 'XXX')
) i on i.currency = p.currency
where p.revenue is distinct from i.amount
