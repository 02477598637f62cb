-- Question: How long did events take from arrival to being visible?
-- Result:   one row: events, average and longest milliseconds.
select count(*) as events,
  avg(date_diff('millisecond', received_at, committed_at)) as average_ms,
  max(date_diff('millisecond', received_at, committed_at)) as longest_ms
from firn.events
where received_at is not null
