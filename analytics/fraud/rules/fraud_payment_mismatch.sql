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
--   received_at  timestamptz  Null: validated_orders does not know when its events arrived.
--   score        int          Always 3.
--   evidence     string       What was paid and what it costs.
select v.order_id, v.customer_id, v.happened_at as event_time, null as received_at, 3 as score,
  coalesce(cast(v.paid_amount as varchar) || ' ' || v.paid_currency, 'an unknown amount') || ' was paid for an order of '
    || coalesce(cast(v.order_amount as varchar) || ' ' || v.order_currency, 'an unknown amount') as evidence
from analytics.validated_orders v
where v.status = 'amount_mismatch'
