-- Question:  What does each campaign bring: sessions, visitors, orders and money?
-- Reads:     analytics.sessions by started_at
-- Unit:      day
-- Time:      day
-- Key:       day, source, medium, campaign
-- Partition: month(day)
-- Sort:      day, campaign
-- Owner:     marketing
-- Columns:
--   day                   date           When the sessions began, in UTC: what is ordered after midnight counts for the day on which its session began.
--   source                string         Campaign source; "none" without.
--   medium                string         Campaign medium; "none" without.
--   campaign              string         Campaign name; "none" without.
--   sessions              long           Sessions that it brought.
--   visitors              long           Different visitors of these; those who are not known are not counted.
--   bounces               long           Sessions of one page at most that bought nothing.
--   pages                 long           Pages shown.
--   converted             long           Sessions that bought.
--   conversion            decimal(18,4)  converted by sessions.
--   orders                long           Orders that came of them and are not cancelled. Orders without session are nobody's.
--   revenue_usd           decimal(38,2)  What these cost, in USD by rates.csv. campaign_revenue has it by currency.
--   unrated_orders        long           Those of them that are not in revenue_usd: without rate or without amount.
--   revenue_usd_per_session  decimal(18,4)  revenue_usd by sessions; null for more money than fits.
with brought as (
  select cast(s.started_at as date) as day, coalesce(s.source, 'none') as source, coalesce(s.medium, 'none') as medium, coalesce(s.campaign, 'none') as campaign,
    count(*) as sessions, count(distinct s.user_id) as visitors,
    count(*) filter (where s.pages <= 1 and not s.converted) as bounces,
    sum(s.pages) as pages,
    count(*) filter (where s.converted) as converted,
    sum(s.orders) as orders, sum(s.revenue_usd) as revenue_usd, sum(s.unrated_orders) as unrated_orders
  from analytics.sessions s
  group by cast(s.started_at as date), coalesce(s.source, 'none'), coalesce(s.medium, 'none'), coalesce(s.campaign, 'none')
)
select b.day, b.source, b.medium, b.campaign, b.sessions, b.visitors, b.bounces, b.pages, b.converted,
  cast(round(cast(b.converted as double) / cast(b.sessions as double), 4) as decimal(18,4)) as conversion,
  b.orders, b.revenue_usd, b.unrated_orders,
  try_cast(round(cast(b.revenue_usd as double) / cast(b.sessions as double), 4) as decimal(18,4)) as revenue_usd_per_session
from brought b
