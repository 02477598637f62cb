-- Question: How much was ordered on one day? Filters on event_type and event_time read the files of that partition only.
-- Result:   one row: orders, pieces, money by currency.
-- Holes:    {{day}} a day in UTC, such as 2026-01-31.
select currency, count(*) as orders, sum(quantity) as pieces, sum(amount) as amount
from firn.events
where event_type = 'order_created'
  and event_time >= timestamp '{{day}} 00:00:00 UTC' and event_time < timestamp '{{day}} 00:00:00 UTC' + interval '1' day
group by currency
order by currency
