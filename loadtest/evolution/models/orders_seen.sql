-- Question:  Which orders came in, for how much, with how many pieces and points?
-- Reads:     firn.events(order_created) by order_id
-- Unit:      key order_id
-- Key:       order_id
-- Partition: bucket(4, order_id)
-- Owner:     evolution
-- Columns:
--   order_id     string         The order.
--   amount       decimal(38,2)  What it costs.
--   pieces       int            How many pieces.
--   points       long           Points that it earns.
select e.order_id as order_id, max(e.amount) as amount, max(e.quantity) as pieces, max(e.points) as points
from firn.events e
where e.event_type = 'order_created'
group by e.order_id
