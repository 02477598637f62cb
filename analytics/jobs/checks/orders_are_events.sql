-- Question: Which orders of a day's events are not in the model of orders?
-- Result:   a row for each such order
select distinct e.order_id
from firn.events e
left join analytics.orders o on o.order_id = e.order_id
where e.event_type = 'order_created' and e.order_id is not null
  and e.event_time >= {{from}} and e.event_time < {{to}} and o.order_id is null
