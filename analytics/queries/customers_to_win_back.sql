-- Question:   Which good customers have not ordered for so many days?
-- Result:     one row per customer with so many orders or more, who spent the most first, with whom to write to.
-- Parameters: days_since_last_order long, orders_min long
select f.customer_id, coalesce(c.name, k.name) as name, coalesce(c.email, k.email) as email, k.segment, f.recency_days, f.frequency, f.money_usd, f.favourite_category, f.returned_orders
from analytics.customer_features f
left join analytics.customers c on c.customer_id = f.customer_id
left join analytics.ref_customers k on k.customer_id = f.customer_id
where f.recency_days >= {{days_since_last_order}} and f.frequency >= {{orders_min}}
order by f.money_usd desc, f.customer_id
limit 500
