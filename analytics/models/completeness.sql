-- Question:  How far have the events of each day come, and which days are sealed?
-- Reads:     analytics.data_quality by hour
-- Unit:      day
-- Time:      day
-- Key:       day, event_type
-- Partition: month(day)
-- Sort:      day, event_type
-- Lateness:  25 hours
-- Freshness: 15 minutes
-- Owner:     data
-- Columns:
--   day             date         The day in which the events happened, in UTC.
--   event_type      string       The type; "(all)" for all together.
--   rows            long         Rows of firn.events.
--   dead_letters    long         Records that arrived on the day and became dead letters.
--   first_event_at  timestamptz  The first event of the day.
--   last_event_at   timestamptz  The last event of the day.
--   watermark       timestamptz  When the last of these rows arrived.
--   is_sealed       boolean      Whether the watermark of all events has passed the end of the day by an hour. A row that comes later still counts.
--   late_rows       long         Rows that came after that.
select cast(q.hour as date) as day, q.event_type, sum(q.rows) as rows, sum(q.dead_letters) as dead_letters,
  min(q.first_event_at) as first_event_at, max(q.last_event_at) as last_event_at, max(q.last_received_at) as watermark,
  date_trunc('day', min(q.hour)) + interval '25' hour <= {{watermark}} as is_sealed,
  sum(q.late_for_the_day) as late_rows
from analytics.data_quality q
group by cast(q.hour as date), q.event_type
