-- Question:   Which orders of a day should the fraud desk look at, and were they paid?
-- Result:     one row per alert, the highest score first.
-- Parameters: day date
select a.order_id, a.score, a.rules, a.evidence, a.customer_id, a.event_time, o.amount, o.currency, o.order_status, v.status as payment_status
from analytics.fraud_alerts a
left join analytics.orders o on o.order_id = a.order_id
left join analytics.validated_orders v on v.order_id = a.order_id
where a.event_time >= cast({{day}} as timestamp with time zone) and a.event_time < cast({{day}} as timestamp with time zone) + interval '1' day
order by a.score desc, a.event_time, a.order_id
limit 1000
