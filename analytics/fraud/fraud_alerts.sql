-- Question:  Which orders should somebody look at, how urgently, and why?
-- Reads:     analytics.fraud_amount by order_id
--            analytics.fraud_amount_outlier by order_id
--            analytics.fraud_cancelled by order_id
--            analytics.fraud_cards_per_session by order_id
--            analytics.fraud_orders_per_customer by order_id
--            analytics.fraud_orders_per_ip by order_id
--            analytics.fraud_payment_mismatch by order_id
--            analytics.fraud_travel by order_id
-- Unit:      key order_id
-- Key:       order_id
-- Partition: bucket(8, order_id)
-- Sort:      order_id
-- Owner:     fraud desk
-- Columns:
--   alert_id     string       fraud- and the order: one alert for an order, however often its score grows.
--   order_id     string       The order.
--   customer_id  string       Who ordered, where a rule knows it.
--   event_time   timestamptz  The first event that a rule gave a score for.
--   received_at  timestamptz  When the last event that counts arrived.
--   score        int          The rules' scores added up, each rule once with its highest; 3 or more.
--   rules        string       The rules' names without fraud_, in alphabetical order, between commas.
--   evidence     string       What each of these rules found, in the same order, between semicolons.
with found as (
  select a.order_id, a.customer_id, a.event_time, a.received_at, a.score, a.evidence, 'amount' as rule from analytics.fraud_amount a
  union all select a.order_id, a.customer_id, a.event_time, a.received_at, a.score, a.evidence, 'amount_outlier' as rule from analytics.fraud_amount_outlier a
  union all select a.order_id, a.customer_id, a.event_time, a.received_at, a.score, a.evidence, 'cancelled' as rule from analytics.fraud_cancelled a
  union all select a.order_id, a.customer_id, a.event_time, a.received_at, a.score, a.evidence, 'cards_per_session' as rule from analytics.fraud_cards_per_session a
  union all select a.order_id, a.customer_id, a.event_time, a.received_at, a.score, a.evidence, 'orders_per_customer' as rule from analytics.fraud_orders_per_customer a
  union all select a.order_id, a.customer_id, a.event_time, a.received_at, a.score, a.evidence, 'orders_per_ip' as rule from analytics.fraud_orders_per_ip a
  union all select a.order_id, a.customer_id, a.event_time, a.received_at, a.score, a.evidence, 'payment_mismatch' as rule from analytics.fraud_payment_mismatch a
  union all select a.order_id, a.customer_id, a.event_time, a.received_at, a.score, a.evidence, 'travel' as rule from analytics.fraud_travel a
), ranked as (
  select f.*, row_number() over (partition by f.order_id, f.rule order by f.score desc, f.event_time, f.received_at, f.evidence) as place
  from found f
), numbered as (
  select r.*, row_number() over (partition by r.order_id order by r.rule) as nth
  from ranked r
  where r.place = 1
), orders as (
  select n.order_id, max(n.customer_id) as customer_id, min(n.event_time) as event_time, max(n.received_at) as received_at, sum(n.score) as score,
    sum(n.score) filter (where n.rule <> 'cancelled') as grounds,
    concat_ws(', ', max(case when n.nth = 1 then n.rule end), max(case when n.nth = 2 then n.rule end), max(case when n.nth = 3 then n.rule end), max(case when n.nth = 4 then n.rule end), max(case when n.nth = 5 then n.rule end),
      max(case when n.nth = 6 then n.rule end), max(case when n.nth = 7 then n.rule end), max(case when n.nth = 8 then n.rule end), max(case when n.nth = 9 then n.rule end), max(case when n.nth = 10 then n.rule end)) as rules,
    concat_ws('; ', max(case when n.nth = 1 then n.evidence end), max(case when n.nth = 2 then n.evidence end), max(case when n.nth = 3 then n.evidence end), max(case when n.nth = 4 then n.evidence end), max(case when n.nth = 5 then n.evidence end),
      max(case when n.nth = 6 then n.evidence end), max(case when n.nth = 7 then n.evidence end), max(case when n.nth = 8 then n.evidence end), max(case when n.nth = 9 then n.evidence end), max(case when n.nth = 10 then n.evidence end)) as evidence
  from numbered n
  group by n.order_id
)
select 'fraud-' || o.order_id as alert_id, o.order_id, o.customer_id, o.event_time, o.received_at, o.score, o.rules, o.evidence
from orders o
-- A cancelled order alone is none: it only adds to what another rule found.
where o.score >= 3 and o.grounds > 0
