-- Question: Which orders have no captured payment?
-- Result:   one row per order, the oldest first.
select o.order_id, o.customer_id, o.amount, o.currency, o.event_time
from firn.events o
left join firn.events p on p.order_id = o.order_id and p.event_type = 'payment_captured'
where o.event_type = 'order_created' and p.order_id is null
order by o.event_time, o.order_id
limit 100
