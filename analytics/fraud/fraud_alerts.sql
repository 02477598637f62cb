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
--   score        int          The rules' scores added up, each rule once with its highest; 3 or more.
--   rules        string       The rules' names without fraud_, in alphabetical order, between commas.
--   evidence     string       What each of these rules found, in the same order, between semicolons.
with found as (
  select a.order_id, a.customer_id, a.event_time, a.score, a.evidence, 'amount' as rule from analytics.fraud_amount a
  union all select a.order_id, a.customer_id, a.event_time, a.score, a.evidence, 'amount_outlier' as rule from analytics.fraud_amount_outlier a
  union all select a.order_id, a.customer_id, a.event_time, a.score, a.evidence, 'cancelled' as rule from analytics.fraud_cancelled a
  union all select a.order_id, a.customer_id, a.event_time, a.score, a.evidence, 'cards_per_session' as rule from analytics.fraud_cards_per_session a
  union all select a.order_id, a.customer_id, a.event_time, a.score, a.evidence, 'orders_per_customer' as rule from analytics.fraud_orders_per_customer a
  union all select a.order_id, a.customer_id, a.event_time, a.score, a.evidence, 'orders_per_ip' as rule from analytics.fraud_orders_per_ip a
  union all select a.order_id, a.customer_id, a.event_time, a.score, a.evidence, 'payment_mismatch' as rule from analytics.fraud_payment_mismatch a
  union all select a.order_id, a.customer_id, a.event_time, a.score, a.evidence, 'travel' as rule from analytics.fraud_travel a
), ranked as (
  select f.*, row_number() over (partition by f.order_id, f.rule order by f.score desc, f.event_time, f.evidence) as place
  from found f
), orders as (
  select r.order_id, max(r.customer_id) as customer_id, min(r.event_time) as event_time, sum(r.score) as score,
    sum(r.score) filter (where r.rule <> 'cancelled') as grounds,
    listagg(r.rule, ', ') within group (order by r.rule) as rules, listagg(r.evidence, '; ') within group (order by r.rule) as evidence
  from ranked r
  where r.place = 1
  group by r.order_id
)
select 'fraud-' || o.order_id as alert_id, o.order_id, o.customer_id, o.event_time, o.score, o.rules, o.evidence
from orders o
-- A cancelled order alone is none: it only adds to what another rule found.
where o.score >= 3 and o.grounds > 0
