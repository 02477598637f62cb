-- Question:  Do an order, its positions and its payments say the same, and where not, why?
-- Reads:     analytics.orders by order_id
--            analytics.order_items by order_id
--            analytics.validated_orders by order_id
-- Unit:      key order_id
-- Time:      ordered_at
-- Key:       order_id
-- Partition: day(ordered_at)
-- Sort:      order_id
-- Owner:     finance
-- Columns:
--   order_id              string         The order.
--   ordered_at            timestamptz    When it was ordered; of positions or payments without order, when the first was added or made.
--   currency              string         The order's currency.
--   order_amount          decimal(18,2)  What the order costs.
--   positions_amount      decimal(38,2)  What its positions cost together; null without any that has a price.
--   paid_amount           decimal(38,2)  What its payments come to, in paid_currency.
--   paid_currency         string         The payments' currency.
--   refunded_amount       decimal(18,2)  What was given back.
--   positions_difference  decimal(38,2)  Order less positions; null when one of them is not known.
--   payments_difference   decimal(38,2)  Paid less ordered, as in validated_orders.
--   positions_say         string         equal; not_priced: a position has no price; no_positions; fee: the order costs more than its positions (shipping, tax); discount: it costs less; two_currencies; no_order; no_amount: the order says none.
--   payments_say          string         equal; pending; not_due: nothing was paid of what was cancelled; unpaid; underpaid; overpaid; not_comparable: an amount or a rate is missing; no_order.
--   is_explained          boolean        Whether both are words that an ordinary order may have: not underpaid, overpaid, unpaid, no_order or not_comparable.
with positions as (
  select i.order_id, min(i.ordered_at) as added_at, count(*) as positions, count(i.amount) as priced, sum(i.amount) as amount,
    min(i.currency) as least_currency, max(i.currency) as greatest_currency
  from analytics.order_items i
  group by i.order_id
),
joined as (
  select coalesce(o.order_id, p.order_id, v.order_id) as order_id, coalesce(o.ordered_at, v.happened_at, p.added_at) as ordered_at, o.currency, o.amount as order_amount,
    p.amount as positions_amount, v.paid_amount, v.paid_currency, o.refunded_amount, o.order_status,
    case when p.least_currency = o.currency and p.greatest_currency = o.currency then cast(o.amount as decimal(38,2)) - p.amount end as positions_difference,
    v.difference as payments_difference, v.status,
    coalesce(o.is_created, false) as has_order, coalesce(p.positions, 0) as positions, coalesce(p.priced, 0) as priced, coalesce(v.payments, 0) as payments
  from analytics.orders o
  full join positions p on p.order_id = o.order_id
  full join analytics.validated_orders v on v.order_id = coalesce(o.order_id, p.order_id)
),
said as (
  select j.*,
    case
      when not j.has_order then 'no_order'
      when j.positions = 0 then 'no_positions'
      when j.order_amount is null then 'no_amount'
      when j.priced < j.positions then 'not_priced'
      when j.positions_difference is null then 'two_currencies'
      when j.positions_difference = 0 then 'equal'
      when j.positions_difference > 0 then 'fee'
      else 'discount'
    end as positions_say,
    case
      when not j.has_order and j.status = 'pending' then 'pending'
      when not j.has_order then 'no_order'
      when j.status = 'matched' then 'equal'
      when j.status = 'pending' then 'pending'
      when j.payments = 0 and (j.order_status = 'CANCELLED' or j.order_amount = 0) then 'not_due'
      when j.payments = 0 then 'unpaid'
      when j.payments_difference < 0 then 'underpaid'
      when j.payments_difference > 0 then 'overpaid'
      else 'not_comparable'
    end as payments_say
  from joined j
)
select s.order_id, s.ordered_at, s.currency, s.order_amount, s.positions_amount, s.paid_amount, s.paid_currency, s.refunded_amount,
  s.positions_difference, s.payments_difference, s.positions_say, s.payments_say,
  s.positions_say <> 'no_order' and s.payments_say in ('equal', 'pending', 'not_due') as is_explained
from said s
