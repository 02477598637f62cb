-- Question:  For how much money is ordered, minute by minute, and which minutes are settled?
-- Reads:     firn.events(order_created) by event_time
-- Unit:      hour
-- Time:      minute
-- Key:       minute, currency
-- Partition: day(minute)
-- Sort:      minute
-- Lateness:  11 minutes
-- Owner:     sales
-- Columns:
--   minute    timestamptz    The start of the minute, in UTC.
--   currency  string         ISO 4217 code; XXX where the order says none.
--   orders    long           Orders that were placed in it, whatever became of them. Minutes without orders have no row.
--   revenue   decimal(38,2)  What they cost.
--   is_final  boolean        Whether the watermark is 10 minutes behind the end of the minute. A row that comes later still counts, and changes it.
with created as (
  select e.order_id, e.event_time, e.amount, e.currency,
    -- An order that was sent twice within the hour counts once, where it came first.
    row_number() over (partition by e.order_id, date_trunc('hour', e.event_time) order by e.event_time, e.received_at, e.log_topic, e.log_partition, e.log_offset) as place
  from firn.events e
  where e.order_id is not null
)
select date_trunc('minute', c.event_time) as minute, coalesce(c.currency, 'XXX') as currency,
  count(*) as orders, coalesce(sum(c.amount), cast(0 as decimal(18,2))) as revenue,
  date_trunc('minute', c.event_time) + interval '11' minute <= {{watermark}} as is_final
from created c
where c.place = 1
group by date_trunc('minute', c.event_time), coalesce(c.currency, 'XXX')
