-- Question:  Which day is it, as far as the events have come?
-- Reads:     analytics.completeness
-- Unit:      full
-- Key:       day
-- Owner:     data
-- Columns:
--   day  date  The day of the watermark, in UTC: one row, that changes once a day. Who counts days from it is computed anew then, and not with every event.
select cast({{watermark}} as date) as day
from analytics.completeness c
having count(*) > 0
