-- Question:  Which orders are part of a run of orders of one customer?
-- Reads:     firn.events(order_created) by event_time with 20 minutes before
-- Unit:      hour
-- Time:      found_at
-- Key:       order_id, found_at
-- Partition: day(found_at)
-- Sort:      event_time
-- Owner:     fraud desk
-- Columns:
--   order_id     string       The order.
--   customer_id  string       Who ordered, as far as the event says.
--   event_time   timestamptz  When the order came in.
--   found_at     timestamptz  The hour in which the run was as long as this.
--   received_at  timestamptz  When the last event that counts here arrived.
--   score        int          4 from 10 orders in 10 minutes, 3 from 5.
--   evidence     string       How many different orders and from where.
-- An order belongs to a run when 10 minutes hold it and enough others. The run is found in the hour of its last order, and with it
-- the orders before the full hour. A confirmation page that is loaded again sends the order again: that is no further order.
with sent as (
  select e.order_id, coalesce(e.customer_id, e.user_id) as customer_id, e.event_time, e.received_at, coalesce(e.customer_id, e.user_id) as origin,
    lag(e.event_time) over (partition by coalesce(e.customer_id, e.user_id), e.order_id order by e.event_time, e.received_at) as sent_before
  from firn.events e
  where e.order_id is not null and coalesce(e.customer_id, e.user_id) is not null
), placed as (
  select s.order_id, s.customer_id, s.event_time, s.received_at, s.origin
  from sent s
  where s.sent_before is null or s.sent_before < s.event_time - interval '10' minute
), counted as (
  select p.*, date_trunc('hour', p.event_time) as found_at,
    count(*) over (partition by p.origin order by p.event_time range between interval '10' minute preceding and current row) as orders
  from placed p
), seen as (
  -- Each order where it came in, and once more in the next hour when that is less than 10 minutes away.
  select c.origin, c.order_id, c.customer_id, c.event_time, c.received_at, c.found_at, c.orders from counted c
  union all
  select c.origin, c.order_id, c.customer_id, c.event_time, c.received_at, date_trunc('hour', c.event_time + interval '10' minute) as found_at, 0 as orders
  from counted c
  where date_trunc('hour', c.event_time + interval '10' minute) > c.found_at
), runs as (
  select s.order_id, s.customer_id, s.event_time, s.origin, s.found_at,
    max(s.orders) over (partition by s.origin, s.found_at order by s.event_time range between current row and interval '10' minute following) as orders,
    max(s.received_at) over (partition by s.origin, s.found_at order by s.event_time range between current row and interval '10' minute following) as received_at
  from seen s
), ranked as (
  select r.*, row_number() over (partition by r.order_id, r.found_at order by r.orders desc, r.event_time, r.origin, r.customer_id) as place
  from runs r
)
select r.order_id, r.customer_id, r.event_time, r.found_at, r.received_at,
  -- The thresholds.
  case when r.orders >= 10 then 4 else 3 end as score,
  cast(r.orders as varchar) || ' orders of the customer ' || r.origin || ' within 10 minutes' as evidence
from ranked r
where r.orders >= 5 and r.place = 1
