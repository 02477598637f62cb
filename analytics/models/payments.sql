-- Question:  What became of each payment?
-- Reads:     firn.events(payment_authorized, payment_captured, payment_failed, payment_refunded) by payment_id
-- Unit:      key payment_id
-- Time:      paid_at
-- Key:       payment_id
-- Partition: day(paid_at)
-- Sort:      payment_id
-- Needs:     firn.events(payment_authorized, payment_captured, payment_failed, payment_refunded) where payment_id is not null
-- Freshness: 2 minutes
-- Owner:     finance
-- Columns:
--   payment_id        string         The payment.
--   order_id          string         The order that it is for.
--   status            string         authorized, captured, failed or refunded: by its latest event, of one instant by the one that comes later in a payment's life.
--   amount            decimal(18,2)  What was taken: its captures together, as far as they do not go beyond what was authorized; before the first one what was asked for, else what was given back.
--   currency          string         ISO 4217 code of the amount; null where the payment does not say.
--   refunded_amount   decimal(38,2)  What was given back in all.
--   payment_method    string         Such as card, paypal, invoice.
--   card_fingerprint  string         A stable token of the card.
--   session_id        string         The visit in which it was first tried.
--   paid_at           timestamptz    Its first event.
--   updated_at        timestamptz    Its last event.
--   received_at       timestamptz    When the last of its events arrived.
--   failures          long           How many times it failed.
with numbered as (
  select e.payment_id, e.event_id, e.order_id, e.event_type, e.event_time, e.received_at, e.amount, e.currency, e.payment_method, e.card_fingerprint, e.session_id,
    row_number() over (
      partition by e.payment_id
      order by e.event_time, e.received_at,
        case e.event_type when 'payment_authorized' then 0 when 'payment_failed' then 1 when 'payment_captured' then 2 else 3 end,
        e.log_topic, e.log_partition, e.log_offset
    ) as place,
    -- One and the same event counts once, however often it was read from the log.
    case when e.event_id is null then 1 else row_number() over (partition by e.payment_id, e.event_id order by e.event_time, e.received_at, e.log_topic, e.log_partition, e.log_offset) end as repetition
  from firn.events e
  where e.payment_id is not null
),
places as (
  select n.payment_id,
    max(n.place) as latest,
    coalesce(max(n.place) filter (where n.event_type <> 'payment_refunded' and n.amount is not null), max(n.place) filter (where n.amount is not null)) as amount,
    max(n.place) filter (where n.order_id is not null) as order_id,
    max(n.place) filter (where n.payment_method is not null) as method,
    max(n.place) filter (where n.card_fingerprint is not null) as card
  from numbered n
  group by n.payment_id
),
-- A capture that is told twice under two ids, of one instant and one amount, is one.
captures as (
  select c.payment_id, c.amount
  from numbered c
  where c.event_type = 'payment_captured' and c.amount is not null
  group by c.payment_id, c.event_time, c.amount
),
captured as (
  select c.payment_id, sum(cast(c.amount as decimal(38,2))) as amount, max(c.amount) as largest
  from captures c
  group by c.payment_id
),
authorized as (
  select n.payment_id, max(n.amount) as amount
  from numbered n
  where n.event_type = 'payment_authorized'
  group by n.payment_id
)
select n.payment_id,
  max(n.order_id) filter (where n.place = p.order_id) as order_id,
  max(substr(n.event_type, 9)) filter (where n.place = p.latest) as status,
  coalesce(
    case when max(c.amount) <= max(coalesce(a.amount, c.amount)) then try_cast(max(c.amount) as decimal(18,2)) else greatest(max(c.largest), max(a.amount)) end,
    max(n.amount) filter (where n.place = p.amount)
  ) as amount,
  max(n.currency) filter (where n.place = p.amount) as currency,
  coalesce(sum(n.amount) filter (where n.event_type = 'payment_refunded' and n.repetition = 1), cast(0 as decimal(18,2))) as refunded_amount,
  max(n.payment_method) filter (where n.place = p.method) as payment_method,
  max(n.card_fingerprint) filter (where n.place = p.card) as card_fingerprint,
  max(n.session_id) filter (where n.place = 1) as session_id,
  min(n.event_time) as paid_at, max(n.event_time) as updated_at, max(n.received_at) as received_at,
  count(*) filter (where n.event_type = 'payment_failed' and n.repetition = 1) as failures
from numbered n
join places p on p.payment_id = n.payment_id
left join captured c on c.payment_id = n.payment_id
left join authorized a on a.payment_id = n.payment_id
group by n.payment_id
