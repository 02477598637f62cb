-- Question:  Which orders come from a place that the customer cannot have reached since the last order or payment?
-- Reads:     firn.events(order_created, payment_authorized, payment_captured, payment_failed) by event_time with 60 minutes before
-- Unit:      hour
-- Time:      event_time
-- Key:       order_id, event_time
-- Partition: day(event_time)
-- Sort:      event_time
-- Owner:     fraud desk
-- Columns:
--   order_id     string       The order.
--   customer_id  string       The customer.
--   event_time   timestamptz  When the order or its payment came from the second place.
--   received_at  timestamptz  When the last event that counts here arrived.
--   score        int          Always 3.
--   evidence     string       Both places, how far apart they are and how much time lies between.
with seen as (
  select e.order_id, coalesce(e.customer_id, e.user_id) as customer_id, e.event_time, e.received_at, e.location.latitude as latitude, e.location.longitude as longitude,
    coalesce(e.location.city, e.location.region, e.location.country, 'another place') as place, e.log_topic, e.log_partition, e.log_offset
  from firn.events e
  where e.order_id is not null and coalesce(e.customer_id, e.user_id) is not null and e.location.latitude between -90 and 90 and e.location.longitude between -180 and 180
), steps as (
  select s.*,
    lag(s.event_time) over (partition by s.customer_id order by s.event_time, s.log_topic, s.log_partition, s.log_offset) as last_time,
    lag(s.latitude) over (partition by s.customer_id order by s.event_time, s.log_topic, s.log_partition, s.log_offset) as last_latitude,
    lag(s.longitude) over (partition by s.customer_id order by s.event_time, s.log_topic, s.log_partition, s.log_offset) as last_longitude,
    lag(s.place) over (partition by s.customer_id order by s.event_time, s.log_topic, s.log_partition, s.log_offset) as last_place
  from seen s
), ways as (
  select s.*, date_diff('second', s.last_time, s.event_time) as seconds,
    -- Great-circle distance on a sphere of 6,371 km.
    6371 * acos(greatest(-1e0, least(1e0, sin(radians(s.latitude)) * sin(radians(s.last_latitude))
      + cos(radians(s.latitude)) * cos(radians(s.last_latitude)) * cos(radians(s.longitude - s.last_longitude))))) as kilometres
  from steps s
  where s.last_time >= s.event_time - interval '60' minute
), ranked as (
  select w.*, row_number() over (partition by w.order_id, date_trunc('hour', w.event_time) order by w.event_time, w.log_topic, w.log_partition, w.log_offset) as nth
  from ways w
  -- The thresholds: nearer than 300 km may be the address's place being wrong; an airliner makes 1,000 km/h.
  where w.kilometres > 300 and w.kilometres > w.seconds * 1000e0 / 3600e0
)
select r.order_id, r.customer_id, r.event_time, r.received_at, 3 as score,
  r.place || ' is ' || cast(cast(round(r.kilometres) as bigint) as varchar) || ' km from ' || r.last_place || ', where the customer was '
    || case when r.seconds < 120 then cast(r.seconds as varchar) || ' s' else cast(cast(round(r.seconds / 60e0) as bigint) as varchar) || ' min' end || ' before' as evidence
from ranked r
where r.nth = 1
