-- Question:   What happened in a session, one event after another?
-- Result:     one row per event, in order, with what the session was and how long each step took.
-- Parameters: session_id string
select t.position, t.event_time, t.seconds_since_previous, t.event_type, t.url, t.product_id, t.order_id, s.device, s.country, s.campaign, s.converted
from analytics.session_timeline t
left join analytics.sessions s on s.session_id = t.session_id
where t.session_id = {{session_id}}
order by t.position
