-- Question:  What does a trained rule look at?
-- Reads:     firn.events(order_created, payment_authorized, payment_captured, payment_failed) by event_time with 60 minutes before
--            analytics.ref_rates
-- Unit:      hour
-- Time:      event_time
-- Key:       order_id, event_time
-- Partition: day(event_time)
-- Sort:      event_time
-- Owner:     fraud desk
-- Columns:
--   order_id      string       The order.
--   customer_id   string       Who ordered, as far as the event says.
--   event_time    timestamptz  When the order came in.
--   received_at   timestamptz  When it arrived.
--   amount        double       ln of the amount in thousands of USD; 0 below.
--   address       double       ln of the orders from its address, 10 minutes around it.
--   customer      double       ln of the orders of its customer, 10 minutes around it.
--   cards         double       ln of the cards of its visit.
--   failures      double       ln(1 + failed payments of its visit).
--   mismatch      double       Share of the amount that was paid too much or too little; 0 before a payment.
--   travel        double       ln(1 + km from where the customer was in the hour before).
with seen as (
  select e.event_type, e.order_id, coalesce(e.customer_id, e.user_id) as customer_id, e.session_id, e.ip, e.card_fingerprint as card, e.event_time, e.received_at,
    cast(e.amount as double) as amount, upper(e.currency) as currency, e.location.latitude as latitude, e.location.longitude as longitude,
    date_trunc('hour', e.event_time) as hour, e.log_topic, e.log_partition, e.log_offset
  from firn.events e
  where e.order_id is not null
), moved as (
  select s.*,
    lag(s.event_time) over (partition by s.customer_id order by s.event_time, s.log_topic, s.log_partition, s.log_offset) as last_time,
    lag(s.latitude) over (partition by s.customer_id order by s.event_time, s.log_topic, s.log_partition, s.log_offset) as last_latitude,
    lag(s.longitude) over (partition by s.customer_id order by s.event_time, s.log_topic, s.log_partition, s.log_offset) as last_longitude
  from seen s
), placed as (
  select m.*,
    case when m.customer_id is not null and m.last_time >= m.event_time - interval '60' minute and abs(m.latitude) <= 90 and abs(m.last_latitude) <= 90 and abs(m.longitude) <= 180 and abs(m.last_longitude) <= 180
      then 6371 * acos(greatest(-1e0, least(1e0, sin(radians(m.latitude)) * sin(radians(m.last_latitude))
        + cos(radians(m.latitude)) * cos(radians(m.last_latitude)) * cos(radians(m.longitude - m.last_longitude)))))
      else 0e0 end as kilometres,
    row_number() over (partition by m.order_id, m.hour order by m.event_time, m.log_topic, m.log_partition, m.log_offset) as place
  from moved m
  where m.event_type = 'order_created'
), counted as (
  select p.*,
    count(*) over (partition by p.ip order by p.event_time range between interval '10' minute preceding and current row) as by_address,
    count(*) over (partition by p.customer_id order by p.event_time range between interval '10' minute preceding and current row) as by_customer
  from placed p
), runs as (
  select c.*,
    case when c.ip is null then 1 else max(c.by_address) over (partition by c.ip, c.hour order by c.event_time range between current row and interval '10' minute following) end as address,
    case when c.customer_id is null then 1 else max(c.by_customer) over (partition by c.customer_id, c.hour order by c.event_time range between current row and interval '10' minute following) end as customer
  from counted c
), shown as (
  select s.session_id, s.card, s.event_type, s.hour
  from seen s
  where s.event_type <> 'order_created' and s.session_id is not null
  union all
  select s.session_id, s.card, s.event_type, date_trunc('hour', s.event_time + interval '10' minute) as hour
  from seen s
  where s.event_type <> 'order_created' and s.session_id is not null and date_trunc('hour', s.event_time + interval '10' minute) > s.hour
), visits as (
  select v.session_id, v.hour, count(distinct v.card) as cards, count(*) filter (where v.event_type = 'payment_failed') as failures
  from shown v
  group by v.session_id, v.hour
), paid as (
  select s.order_id, s.hour, max(s.amount) as amount
  from seen s
  where s.event_type in ('payment_authorized', 'payment_captured')
  group by s.order_id, s.hour
)
select r.order_id, r.customer_id, r.event_time, r.received_at,
  ln(greatest(1e0, coalesce(r.amount * cast(x.usd_rate as double) / 1000e0, 1e0))) as amount,
  ln(cast(r.address as double)) as address, ln(cast(r.customer as double)) as customer,
  ln(cast(greatest(1, coalesce(v.cards, 1)) as double)) as cards, ln(1e0 + cast(coalesce(v.failures, 0) as double)) as failures,
  least(1e0, coalesce(abs(p.amount - r.amount) / nullif(abs(r.amount), 0e0), 0e0)) as mismatch,
  ln(1e0 + coalesce(r.kilometres, 0e0)) as travel
from runs r
left join visits v on v.session_id = r.session_id and v.hour = r.hour
left join paid p on p.order_id = r.order_id and p.hour = r.hour
left join analytics.ref_rates x on x.currency = r.currency
where r.place = 1
