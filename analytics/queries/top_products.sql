-- Question:   Which products sold the most pieces between two days, and what did they earn?
-- Result:     the first twenty, one row per product and currency.
-- Parameters: from_day date, to_day date
select r.product_id, max(r.product_name) as product_name, max(r.category) as category, r.currency, sum(r.quantity) as quantity, sum(r.orders) as orders, sum(r.revenue) as revenue
from analytics.product_revenue r
where r.day between {{from_day}} and {{to_day}}
group by r.product_id, r.currency
order by quantity desc nulls last, r.product_id, r.currency
limit 20
