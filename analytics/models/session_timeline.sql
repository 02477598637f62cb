-- Question:  What happened in each session, one event after another?
-- Reads:     firn.events by session_id
-- Unit:      key session_id
-- Time:      event_time
-- Key:       session_id, position
-- Partition: day(event_time)
-- Sort:      session_id, position
-- Needs:     firn.events where session_id is not null
-- Owner:     web
-- Columns:
--   session_id              string         The visit.
--   position                long           1 is the first event by event time; of one instant in the order in which they arrived.
--   event_time              timestamptz    When it happened.
--   event_type              string         What happened.
--   url                     string         Address of the page.
--   product_id              string         The product that it is about.
--   order_id                string         The order that it is about.
--   seconds_since_previous  decimal(18,3)  Since the event before, in whole milliseconds; null of the first.
with numbered as (
  select e.session_id, e.event_time, e.event_type, e.url, e.product_id, e.order_id,
    row_number() over (partition by e.session_id order by e.event_time, e.received_at, e.log_topic, e.log_partition, e.log_offset) as position,
    lag(e.event_time) over (partition by e.session_id order by e.event_time, e.received_at, e.log_topic, e.log_partition, e.log_offset) as previous_time
  from firn.events e
  where e.session_id is not null
)
-- One engine counts full milliseconds and the other the bounds between them: of times that are whole milliseconds both say the same.
select n.session_id, n.position, n.event_time, n.event_type, n.url, n.product_id, n.order_id,
  cast(date_diff('millisecond', date_trunc('millisecond', n.previous_time), date_trunc('millisecond', n.event_time)) as decimal(18,0)) * cast(0.001 as decimal(4,3)) as seconds_since_previous
from numbered n
