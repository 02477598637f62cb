-- Question:  Which orders were paid, or tried to be paid, in a visit that used many cards?
-- Reads:     firn.events(payment_authorized, payment_captured, payment_failed) by event_time with 10 minutes before
-- Unit:      hour
-- Time:      found_at
-- Key:       order_id, found_at
-- Partition: day(found_at)
-- Sort:      event_time
-- Owner:     fraud desk
-- Columns:
--   order_id     string       The order.
--   customer_id  string       Whose visit, as far as the payment says.
--   event_time   timestamptz  When the order's first payment that counts here was tried.
--   found_at     timestamptz  The hour in which the visit had shown so many cards.
--   received_at  timestamptz  When the last event that counts here arrived.
--   score        int          4 from 6 cards, 3 from 4, 2 from 3.
--   evidence     string       How many cards in which visit.
-- The cards of a visit are those of an hour and of the 10 minutes before it, and so are the orders that they were tried for.
with tried as (
  select e.session_id, e.order_id, e.user_id as customer_id, e.card_fingerprint as card, e.event_time, e.received_at, date_trunc('hour', e.event_time) as found_at
  from firn.events e
  where e.session_id is not null and e.card_fingerprint is not null
), shown as (
  select t.* from tried t
  union all
  select t.session_id, t.order_id, t.customer_id, t.card, t.event_time, t.received_at, date_trunc('hour', t.event_time + interval '10' minute) as found_at
  from tried t
  where date_trunc('hour', t.event_time + interval '10' minute) > t.found_at
), visits as (
  select s.session_id, s.found_at, count(distinct s.card) as cards, max(s.received_at) as received_at, max(s.event_time) as last_at
  from shown s
  group by s.session_id, s.found_at
), ranked as (
  select s.order_id, s.found_at, s.session_id, v.cards, v.received_at,
    min(s.event_time) over (partition by s.order_id, s.found_at) as event_time,
    max(s.customer_id) over (partition by s.order_id, s.found_at) as customer_id,
    row_number() over (partition by s.order_id, s.found_at order by v.cards desc, s.session_id) as place
  from shown s
  join visits v on v.session_id = s.session_id and v.found_at = s.found_at
  -- What lies wholly before the full hour was found there.
  where v.cards >= 3 and v.last_at >= s.found_at
)
select r.order_id, r.customer_id, r.event_time, r.found_at, r.received_at,
  -- The thresholds; the least is above.
  case when r.cards >= 6 then 4 when r.cards >= 4 then 3 else 2 end as score,
  cast(r.cards as varchar) || ' cards in the visit ' || r.session_id as evidence
from ranked r
where r.place = 1 and r.order_id is not null
