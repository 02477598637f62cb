-- Question: How many events arrive, per minute and type, today?
-- Result:   one row per minute and event type, newest first.
-- Holes:    {{day}} a day in UTC, such as 2026-01-31.
select date_trunc('minute', event_time) as minute, event_type, count(*) as events
from firn.events
where event_time >= timestamp '{{day}} 00:00:00 UTC'
group by date_trunc('minute', event_time), event_type
order by minute desc, event_type
limit 100
