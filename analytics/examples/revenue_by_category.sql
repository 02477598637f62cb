-- Question: Which categories earn how much?
-- Result:   one row per category and currency, the largest first.
select category, currency, sum(amount) as revenue, count(distinct order_id) as orders
from firn.events
where event_type = 'order_created'
group by category, currency
order by revenue desc, category, currency
