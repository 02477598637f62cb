-- Question: What could not become a row, and why?
-- Result:   one row per reason, the most frequent first.
select reason, count(*) as records, min(committed_at) as first_seen, max(committed_at) as last_seen
from firn.dead_letters
group by reason
order by records desc, reason
