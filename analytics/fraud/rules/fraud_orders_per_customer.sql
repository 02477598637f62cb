-- Question:  Which orders are part of a run of orders of one customer?
-- Reads:     firn.events(order_created) by event_time with 10 minutes before
-- Unit:      hour
-- Time:      event_time
-- Key:       order_id, event_time
-- Partition: day(event_time)
-- Sort:      event_time
-- Owner:     fraud desk
-- Columns:
--   order_id     string       The order.
--   customer_id  string       Who ordered, as far as the event says.
--   event_time   timestamptz  When the order came in.
--   received_at  timestamptz  When the last event that counts here arrived.
--   score        int          4 from 10 orders in 10 minutes, 3 from 5.
--   evidence     string       How many orders and from where.
-- An order belongs to a run when 10 minutes hold it and enough others, the last of which is of its hour: so the first order
-- of a run is found as well, as soon as the others are there.
with placed as (
  select e.order_id, coalesce(e.customer_id, e.user_id) as customer_id, e.event_time, e.received_at, coalesce(e.customer_id, e.user_id) as origin, date_trunc('hour', e.event_time) as hour
  from firn.events e
  where e.order_id is not null and coalesce(e.customer_id, e.user_id) is not null
), counted as (
  select p.*, count(*) over (partition by p.origin order by p.event_time range between interval '10' minute preceding and current row) as orders
  from placed p
), runs as (
  select c.order_id, c.customer_id, c.event_time, c.origin,
    max(c.orders) over (partition by c.origin, c.hour order by c.event_time range between current row and interval '10' minute following) as orders,
    max(c.received_at) over (partition by c.origin, c.hour order by c.event_time range between current row and interval '10' minute following) as received_at
  from counted c
), most as (
  select r.order_id, r.event_time, r.origin, max(r.customer_id) as customer_id, max(r.orders) as orders, max(r.received_at) as received_at
  from runs r
  group by r.order_id, r.event_time, r.origin
), ranked as (
  select m.*, row_number() over (partition by m.order_id, m.event_time order by m.orders desc, m.origin) as place
  from most m
)
select r.order_id, r.customer_id, r.event_time, r.received_at,
  -- The thresholds.
  case when r.orders >= 10 then 4 else 3 end as score,
  cast(r.orders as varchar) || ' orders of the customer ' || r.origin || ' within 10 minutes' as evidence
from ranked r
where r.orders >= 5 and r.place = 1
