-- Question:  How much had each customer ordered by each of their orders, cancelled ones aside?
-- Reads:     analytics.orders by customer_id
-- Unit:      key customer_id
-- Time:      ordered_at
-- Key:       order_id
-- Partition: bucket(16, customer_id)
-- Sort:      customer_id, ordered_at
-- Needs:     analytics.orders where customer_id is not null and is_created and order_status <> 'CANCELLED'
-- Owner:     sales
-- Columns:
--   customer_id     string         The customer.
--   order_id        string         The order.
--   ordered_at      timestamptz    When it was placed.
--   currency        string         ISO 4217 code; XXX where the order says none.
--   amount          decimal(18,2)  What it costs.
--   running_orders  long           The customer's orders in this currency so far, this one among them.
--   running_amount  decimal(38,2)  What they cost together.
select o.customer_id, o.order_id, o.ordered_at, coalesce(o.currency, 'XXX') as currency, o.amount,
  count(*) over (partition by o.customer_id, coalesce(o.currency, 'XXX') order by o.ordered_at, o.order_id rows between unbounded preceding and current row) as running_orders,
  sum(coalesce(o.amount, cast(0 as decimal(18,2)))) over (partition by o.customer_id, coalesce(o.currency, 'XXX') order by o.ordered_at, o.order_id rows between unbounded preceding and current row) as running_amount
from analytics.orders o
where o.customer_id is not null and o.is_created and o.order_status <> 'CANCELLED'
