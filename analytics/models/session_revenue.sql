-- Question:  What was ordered in each session, currency by currency, and what had brought it?
-- Reads:     analytics.orders by session_id
--            analytics.sessions by session_id
-- Unit:      key session_id
-- Time:      started_at
-- Key:       session_id, currency
-- Partition: day(started_at)
-- Sort:      session_id
-- Needs:     analytics.orders where session_id is not null and is_created and order_status <> 'CANCELLED'
-- Owner:     marketing
-- Columns:
--   session_id  string         The visit. One without orders has no row.
--   currency    string         ISO 4217 code; XXX where the order says none.
--   started_at  timestamptz    Its first event.
--   source      string         Campaign source; null without.
--   medium      string         Campaign medium; null without.
--   campaign    string         Campaign name; null without.
--   orders      long           Orders that were created in it and not cancelled since.
--   revenue     decimal(38,2)  What they cost; an order without amount adds nothing.
with earned as (
  select o.session_id, coalesce(o.currency, 'XXX') as currency, count(*) as orders, coalesce(sum(o.amount), cast(0 as decimal(38,2))) as revenue
  from analytics.orders o
  where o.session_id is not null and o.is_created and o.order_status <> 'CANCELLED'
  group by o.session_id, coalesce(o.currency, 'XXX')
)
select w.session_id, w.currency, s.started_at, s.source, s.medium, s.campaign, w.orders, w.revenue
from earned w
join analytics.sessions s on s.session_id = w.session_id
