-- Question:  Which orders are worth so much that somebody should look at them?
-- Reads:     firn.events(order_created, order_updated) by event_time
--            analytics.ref_rates
-- Unit:      hour
-- Time:      event_time
-- Key:       order_id, event_time
-- Partition: day(event_time)
-- Sort:      event_time
-- Owner:     fraud desk
-- Columns:
--   order_id     string       The order.
--   customer_id  string       Who ordered, as far as the event says.
--   event_time   timestamptz  When the order had this amount.
--   received_at  timestamptz  When the last event that counts here arrived.
--   score        int          4 over 5,000 USD, 3 over 3,000, 2 over 2,000; 3 in a currency that rates.csv does not know.
--   evidence     string       The amount and the threshold.
with worth as (
  select e.order_id, coalesce(e.customer_id, e.user_id) as customer_id, e.event_time, e.received_at, e.amount, coalesce(nullif(upper(trim(e.currency)), ''), 'USD') as currency,
    cast(round(cast(e.amount as decimal(38,2)) * r.usd_rate, 2) as decimal(38,2)) as usd
  from firn.events e
  left join analytics.ref_rates r on r.currency = coalesce(nullif(upper(trim(e.currency)), ''), 'USD')
  where e.order_id is not null and e.amount is not null
), judged as (
  select w.*,
    -- The thresholds.
    case when w.usd is null then 3 when w.usd > 5000 then 4 when w.usd > 3000 then 3 when w.usd > 2000 then 2 else 0 end as score,
    case when w.usd > 5000 then '5,000' when w.usd > 3000 then '3,000' else '2,000' end as threshold,
    row_number() over (partition by w.order_id, w.event_time order by w.usd desc nulls last, w.amount desc, w.received_at, w.customer_id, w.currency) as place
  from worth w
), digits as (
  select j.*, cast(j.usd as varchar) as text from judged j where j.score > 0 and j.place = 1
)
select d.order_id, d.customer_id, d.event_time, d.received_at, d.score,
  case when d.usd is null then 'amount ' || cast(d.amount as varchar) || ' ' || d.currency || ' is in a currency without a rate'
  else 'amount '
    || case when length(d.text) > 12 then substr(d.text, 1, length(d.text) - 12) || ',' || substr(d.text, length(d.text) - 11, 3) || ',' || substr(d.text, length(d.text) - 8, 3)
      when length(d.text) > 9 then substr(d.text, 1, length(d.text) - 9) || ',' || substr(d.text, length(d.text) - 8, 3) else substr(d.text, 1, length(d.text) - 6) end
    || ',' || substr(d.text, length(d.text) - 5) || ' USD is over ' || d.threshold
    || case when d.currency = 'USD' then '' else ' (' || cast(d.amount as varchar) || ' ' || d.currency || ')' end
  end as evidence
from digits d
