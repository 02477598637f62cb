-- Question:  Which orders are far outside of what their customer ordered before?
-- Reads:     analytics.orders by customer_id
--            analytics.ref_rates
-- Unit:      key customer_id
-- Key:       order_id
-- Partition: bucket(8, customer_id)
-- Sort:      customer_id
-- Owner:     fraud desk
-- Columns:
--   order_id     string       The order.
--   customer_id  string       Who ordered.
--   event_time   timestamptz  When it was ordered.
--   received_at  timestamptz  When the last event of the order arrived.
--   score        int          3 over 10 times the average of the earlier orders, 2 over 5 times.
--   evidence     string       The amount beside the earlier ones.
with worth as (
  select o.order_id, o.customer_id, o.ordered_at, o.received_at, cast(round(cast(o.amount as decimal(38,2)) * r.usd_rate, 2) as decimal(38,2)) as usd
  from analytics.orders o
  join analytics.ref_rates r on r.currency = upper(o.currency)
  where o.customer_id is not null and o.is_created
), history as (
  select w.*,
    count(*) over (partition by w.customer_id order by w.ordered_at, w.order_id rows between unbounded preceding and 1 preceding) as orders,
    max(w.usd) over (partition by w.customer_id order by w.ordered_at, w.order_id rows between unbounded preceding and 1 preceding) as most,
    sum(w.usd) over (partition by w.customer_id order by w.ordered_at, w.order_id rows between unbounded preceding and 1 preceding) as total
  from worth w
), compared as (
  select h.*, cast(h.usd as double) * cast(h.orders as double) / nullif(cast(h.total as double), 0) as times
  from history h
  -- The thresholds: so many earlier orders make a history; below this amount nobody is asked; a little over the most is no outlier.
  where h.orders >= 2 and h.usd > 800 and h.usd > 2 * h.most
)
select c.order_id, c.customer_id, c.ordered_at as event_time, c.received_at,
  case when c.times > 10 then 3 else 2 end as score,
  'amount ' || cast(c.usd as varchar) || ' USD is ' || cast(cast(round(c.times) as bigint) as varchar) || ' times the average of the customer''s ' || cast(c.orders as varchar)
    || ' earlier orders, the largest of which was ' || cast(c.most as varchar) || ' USD' as evidence
from compared c
where c.times > 5
