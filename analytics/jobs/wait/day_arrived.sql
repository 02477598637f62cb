-- Question: How many events of a day are in the table, and when did the newest event of that day or a later one arrive?
-- Inputs:   {{from}} and {{to}}, the day's bounds
-- Result:   rows, watermark
select
  count(*) filter (where e.event_time < {{to}}) as day_rows,
  cast(max(e.received_at) as varchar) as watermark
from firn.events e
where e.event_time >= {{from}}
