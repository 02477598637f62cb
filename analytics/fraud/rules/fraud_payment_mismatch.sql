-- Question:  Which orders were paid with another amount than they cost?
-- Reads:     analytics.validated_orders by order_id
-- Unit:      key order_id
-- Key:       order_id
-- Partition: bucket(8, order_id)
-- Sort:      order_id
-- Owner:     fraud desk
-- Columns:
--   order_id     string       The order.
--   customer_id  string       Who ordered.
--   event_time   timestamptz  When it was ordered.
--   received_at  timestamptz  When the last event of order and payment arrived.
--   score        int          3
--   evidence     string       What it costs and what was paid.
select v.order_id, v.customer_id, v.ordered_at as event_time, v.received_at, 3 as score,
  'paid ' || cast(v.paid_amount as varchar) || ' instead of ' || cast(v.order_amount as varchar) || ' ' || v.currency as evidence
from analytics.validated_orders v
where v.status = 'amount_mismatch'
