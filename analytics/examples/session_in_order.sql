-- Question: What happened in the busiest session, in order?
-- Result:   one row per event of that session.
select e.session_id, e.event_time, e.event_type, e.url, e.product_id
from firn.events e
join (
  select session_id from firn.events where session_id is not null
  group by session_id order by count(*) desc, session_id limit 1
) busiest on busiest.session_id = e.session_id
order by e.event_time, e.received_at, e.log_topic, e.log_partition, e.log_offset
