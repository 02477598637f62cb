-- Question:   How far do the sessions of each campaign get between two days, and what do they earn?
-- Result:     one row per campaign, the most sessions first; shares are of the sessions of the step before.
-- Parameters: from_day date, to_day date
with steps as (
  select f.campaign, sum(f.sessions) as sessions, sum(f.viewed) as viewed, sum(f.carted) as carted, sum(f.checked_out) as checked_out, sum(f.purchased) as purchased
  from analytics.funnel_daily f
  where f.day between {{from_day}} and {{to_day}}
  group by f.campaign
),
money as (
  select p.campaign, sum(p.orders) as orders, sum(p.revenue_usd) as revenue_usd
  from analytics.campaign_performance p
  where p.day between {{from_day}} and {{to_day}}
  group by p.campaign
)
select s.campaign, s.sessions, s.viewed, s.carted, s.checked_out, s.purchased,
  cast(round(cast(s.carted as double) / nullif(cast(s.viewed as double), 0), 4) as decimal(18,4)) as cart_rate,
  cast(round(cast(s.checked_out as double) / nullif(cast(s.carted as double), 0), 4) as decimal(18,4)) as checkout_rate,
  cast(round(cast(s.purchased as double) / nullif(cast(s.checked_out as double), 0), 4) as decimal(18,4)) as purchase_rate,
  m.orders, m.revenue_usd
from steps s
left join money m on m.campaign = s.campaign
order by s.sessions desc, s.campaign
