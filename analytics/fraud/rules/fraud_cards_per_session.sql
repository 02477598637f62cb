-- Question:  Which orders were paid, or tried to be paid, in a visit that used many cards?
-- Reads:     firn.events(payment_authorized, payment_captured, payment_failed) by event_time with 10 minutes before
-- Unit:      hour
-- Time:      event_time
-- Key:       order_id, event_time
-- Partition: day(event_time)
-- Sort:      event_time
-- Owner:     fraud desk
-- Columns:
--   order_id     string       The order.
--   customer_id  string       Whose visit, as far as the payment says.
--   event_time   timestamptz  When the order's first payment of this hour was tried.
--   received_at  timestamptz  When the last event that counts here arrived.
--   score        int          4 from 6 cards, 3 from 4, 2 from 3.
--   evidence     string       How many cards in which visit.
-- The cards of a visit are those of an hour and of the 10 minutes before it.
with tried as (
  select e.session_id, e.order_id, e.user_id as customer_id, e.card_fingerprint as card, e.event_time, e.received_at, date_trunc('hour', e.event_time) as hour
  from firn.events e
  where e.session_id is not null and e.card_fingerprint is not null
), shown as (
  select t.session_id, t.card, t.received_at, t.hour from tried t
  union all
  select t.session_id, t.card, t.received_at, date_trunc('hour', t.event_time + interval '10' minute) as hour
  from tried t
  where date_trunc('hour', t.event_time + interval '10' minute) > t.hour
), visits as (
  select s.session_id, s.hour, count(distinct s.card) as cards, max(s.received_at) as received_at
  from shown s
  group by s.session_id, s.hour
), ranked as (
  select t.order_id, t.hour, t.session_id, v.cards, v.received_at,
    min(t.event_time) over (partition by t.order_id, t.hour) as event_time,
    max(t.customer_id) over (partition by t.order_id, t.hour) as customer_id,
    row_number() over (partition by t.order_id, t.hour order by v.cards desc, t.session_id) as place
  from tried t
  join visits v on v.session_id = t.session_id and v.hour = t.hour
  where v.cards >= 3
)
select r.order_id, r.customer_id, r.event_time, r.received_at,
  -- The thresholds; the least is above.
  case when r.cards >= 6 then 4 when r.cards >= 4 then 3 else 2 end as score,
  cast(r.cards as varchar) || ' cards in the visit ' || r.session_id as evidence
from ranked r
where r.place = 1
