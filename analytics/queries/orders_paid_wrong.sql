-- Question:   Which orders of a day were paid wrong, not at all, or without an order?
-- Result:     one row per order, the largest difference first; those that may still be paid are not in it.
-- Parameters: day date
select v.order_id, v.happened_at, v.status, v.reason, v.customer_id, v.order_status, v.order_amount, v.order_currency, v.paid_amount, v.paid_currency, v.difference, v.payments, v.failed_payments
from analytics.validated_orders v
where v.happened_at >= cast({{day}} as timestamp with time zone) and v.happened_at < cast({{day}} as timestamp with time zone) + interval '1' day
  and v.status in ('amount_mismatch', 'payment_missing', 'order_missing')
order by abs(v.difference) desc nulls last, v.status, v.order_id
limit 1000
