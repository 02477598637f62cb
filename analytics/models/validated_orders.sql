-- Question:  Was each order paid, and paid right?
-- Reads:     analytics.orders by order_id
--            analytics.payments by order_id
--            analytics.ref_rates
-- Unit:      key order_id
-- Time:      happened_at
-- Key:       order_id
-- Partition: day(happened_at)
-- Sort:      order_id
-- Needs:     analytics.orders
--            analytics.payments where order_id is not null
-- Lateness:  10 minutes
-- Freshness: 2 minutes
-- Owner:     finance
-- Columns:
--   order_id           string         The order.
--   happened_at        timestamptz    When it was ordered; of payments without order, when the first was made.
--   status             string         matched, amount_mismatch, payment_missing or order_missing; pending for 10 minutes, in which the other half, or the rest of the money, may come.
--   reason             string         Why it is not matched, in words; null when it is, or may still be.
--   customer_id        string         Who ordered.
--   order_status       string         The order's state.
--   order_amount       decimal(18,2)  What the order costs.
--   order_currency     string         Its currency.
--   paid_amount        decimal(38,2)  What its payments that did not fail come to, in paid_currency.
--   paid_currency      string         The payments' currency, the order's where they say none; USD when they are not all in one.
--   difference         decimal(38,2)  Paid minus ordered: in the order's currency when all is in that, else in USD; null when it cannot be told.
--   refunded_amount    decimal(38,2)  What was given back, in paid_currency. Does not change the status.
--   payments           long           Payments that did not fail.
--   failed_payments    long           Payments that failed. They do not count.
--   first_payment_id   string         The earliest payment that did not fail.
--   paid_at            timestamptz    When that was made.
--   is_late            boolean        Whether that was made more than 10 minutes after the order.
with money as (
  select p.order_id, p.payment_id, p.status, p.paid_at, p.amount, p.refunded_amount, coalesce(p.currency, o.currency, 'USD') as currency, r.usd_rate,
    row_number() over (partition by p.order_id, case when p.status = 'failed' then 1 else 0 end order by p.paid_at, p.payment_id) as place
  from analytics.payments p
  left join analytics.orders o on o.order_id = p.order_id
  left join analytics.ref_rates r on r.currency = coalesce(p.currency, o.currency, 'USD')
  where p.order_id is not null
),
-- In one currency as they are; in several, each worth in USD.
paid as (
  select m.order_id,
    count(*) filter (where m.status <> 'failed') as payments,
    count(*) filter (where m.status = 'failed') as failed_payments,
    min(m.paid_at) as first_tried_at,
    min(m.paid_at) filter (where m.status <> 'failed') as paid_at,
    max(m.payment_id) filter (where m.status <> 'failed' and m.place = 1) as first_payment_id,
    min(m.currency) filter (where m.status <> 'failed') as least_currency,
    max(m.currency) filter (where m.status <> 'failed') as greatest_currency,
    sum(m.amount) filter (where m.status <> 'failed') as own_amount,
    sum(try_cast(m.refunded_amount as decimal(20,2))) filter (where m.status <> 'failed') as own_refunded,
    cast(sum(cast(m.amount as decimal(20,2)) * m.usd_rate) filter (where m.status <> 'failed') as decimal(38,2)) as usd_amount,
    cast(sum(try_cast(m.refunded_amount as decimal(20,2)) * m.usd_rate) filter (where m.status <> 'failed') as decimal(38,2)) as usd_refunded,
    count(*) filter (where m.status <> 'failed' and m.usd_rate is null) as without_rate,
    count(*) filter (where m.status <> 'failed' and m.amount is null) as without_amount
  from money m
  group by m.order_id
),
ordered as (
  select o.order_id, o.ordered_at, o.customer_id, o.order_status, o.amount, o.currency, o.is_created,
    cast(cast(o.amount as decimal(20,2)) * r.usd_rate as decimal(38,2)) as usd_amount
  from analytics.orders o
  left join analytics.ref_rates r on r.currency = o.currency
),
compared as (
  select coalesce(o.order_id, p.order_id) as order_id,
    coalesce(o.ordered_at, p.first_tried_at) as happened_at,
    coalesce(o.is_created, false) as has_order,
    coalesce(p.payments, 0) as payments, coalesce(p.failed_payments, 0) as failed_payments,
    o.ordered_at, o.customer_id, o.order_status, o.amount as order_amount, o.currency as order_currency,
    case when p.least_currency = p.greatest_currency then p.least_currency when p.payments > 0 then 'USD' end as paid_currency,
    case when p.least_currency = p.greatest_currency then p.own_amount when p.without_rate = 0 then p.usd_amount end as paid_amount,
    case when p.least_currency = p.greatest_currency then p.own_refunded when p.without_rate = 0 then p.usd_refunded end as refunded_amount,
    case
      when p.without_amount > 0 then null
      when p.least_currency = o.currency and p.greatest_currency = o.currency then p.own_amount - cast(o.amount as decimal(38,2))
      when p.without_rate = 0 then p.usd_amount - o.usd_amount
    end as difference,
    -- A rounded rate may move the last cent.
    case when p.least_currency = o.currency and p.greatest_currency = o.currency then cast(0 as decimal(18,2)) else cast(0.01 as decimal(18,2)) end as tolerance,
    p.first_payment_id, p.paid_at
  from ordered o
  full join paid p on p.order_id = o.order_id
),
judged as (
  select c.order_id, c.happened_at, c.customer_id, c.order_status, c.order_amount, c.order_currency, c.paid_amount, c.paid_currency, c.difference,
    c.refunded_amount, c.payments, c.failed_payments, c.first_payment_id, c.paid_at, c.ordered_at,
    case
      when c.has_order and c.payments > 0 and abs(c.difference) <= c.tolerance then 'matched'
      -- A gift card now, the rest by card in a moment.
      when c.has_order and c.difference < 0 and c.happened_at + interval '10' minute > {{watermark}} then 'pending'
      when c.has_order and c.payments > 0 then 'amount_mismatch'
      when c.happened_at + interval '10' minute > {{watermark}} then 'pending'
      when c.has_order then 'payment_missing'
      else 'order_missing'
    end as status
  from compared c
)
select j.order_id, j.happened_at, j.status,
  case
    when j.status = 'amount_mismatch' and j.difference is null then 'the amounts cannot be compared: one of them or a rate is missing'
    when j.status = 'amount_mismatch' and j.difference < 0 then 'paid less than ordered'
    when j.status = 'amount_mismatch' then 'paid more than ordered'
    when j.status = 'payment_missing' and j.failed_payments > 0 then 'every payment failed'
    when j.status = 'payment_missing' then 'no payment came'
    when j.status = 'order_missing' then 'no order came that says what it costs'
  end as reason,
  j.customer_id, j.order_status, j.order_amount, j.order_currency, j.paid_amount, j.paid_currency, j.difference, j.refunded_amount,
  j.payments, j.failed_payments, j.first_payment_id, j.paid_at,
  j.paid_at > j.ordered_at + interval '10' minute as is_late
from judged j
