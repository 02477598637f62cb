-- Question:  Which orders were cancelled, or their payment given back? It counts only on top of another rule's score.
-- Reads:     firn.events(order_cancelled, order_updated, payment_refunded) by event_time
-- Unit:      hour
-- Time:      event_time
-- Key:       order_id, event_time
-- Partition: day(event_time)
-- Sort:      event_time
-- Owner:     fraud desk
-- Columns:
--   order_id     string       The order.
--   customer_id  string       Whose order, as far as the event says.
--   event_time   timestamptz  When it was first cancelled or refunded in this hour.
--   received_at  timestamptz  When the last event that counts here arrived.
--   score        int          Always 1.
--   evidence     string       What happened to it.
with undone as (
  select e.order_id, coalesce(e.customer_id, e.user_id) as customer_id, e.event_time, e.received_at,
    case when e.event_type = 'payment_refunded' or e.order_status = 'REFUNDED' then 'it was refunded' else 'it was cancelled' end as evidence
  from firn.events e
  where e.order_id is not null and (e.event_type <> 'order_updated' or e.order_status in ('CANCELLED', 'REFUNDED'))
), ranked as (
  select u.*, row_number() over (partition by u.order_id, date_trunc('hour', u.event_time) order by u.event_time, u.received_at, u.evidence, u.customer_id) as place
  from undone u
)
select r.order_id, r.customer_id, r.event_time, r.received_at, 1 as score, r.evidence
from ranked r
where r.place = 1
