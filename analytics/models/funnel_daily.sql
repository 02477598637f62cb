-- Question:  How many sessions of each campaign get from looking to buying, day by day?
-- Reads:     analytics.sessions by started_at
-- Unit:      day
-- Time:      day
-- Key:       day, campaign
-- Partition: month(day)
-- Sort:      day, campaign
-- Owner:     marketing
-- Columns:
--   day             date           When the sessions began, in UTC.
--   campaign        string         The campaign that brought them; "none" without.
--   sessions        long           Sessions that began on the day.
--   viewed          long           Those that looked at a product. Who took a later step counts in those before it, so that each is at most as large as the one before.
--   carted          long           Those that put something into the cart.
--   checked_out     long           Those that opened the checkout.
--   purchased       long           Those that bought.
--   cart_rate       decimal(18,4)  carted by viewed; null where nobody viewed.
--   checkout_rate   decimal(18,4)  checked_out by carted.
--   purchase_rate   decimal(18,4)  purchased by checked_out.
--   conversion      decimal(18,4)  purchased by sessions.
with steps as (
  select cast(s.started_at as date) as day, coalesce(s.campaign, 'none') as campaign,
    count(*) as sessions,
    count(*) filter (where s.step >= 1) as viewed,
    count(*) filter (where s.step >= 2) as carted,
    count(*) filter (where s.step >= 3) as checked_out,
    count(*) filter (where s.step >= 4) as purchased
  from analytics.sessions s
  group by cast(s.started_at as date), coalesce(s.campaign, 'none')
)
select t.day, t.campaign, t.sessions, t.viewed, t.carted, t.checked_out, t.purchased,
  cast(round(cast(t.carted as double) / nullif(cast(t.viewed as double), 0), 4) as decimal(18,4)) as cart_rate,
  cast(round(cast(t.checked_out as double) / nullif(cast(t.carted as double), 0), 4) as decimal(18,4)) as checkout_rate,
  cast(round(cast(t.purchased as double) / nullif(cast(t.checked_out as double), 0), 4) as decimal(18,4)) as purchase_rate,
  cast(round(cast(t.purchased as double) / nullif(cast(t.sessions as double), 0), 4) as decimal(18,4)) as conversion
from steps t
