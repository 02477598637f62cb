-- Question:  How much does each campaign sell in each currency, day by day?
-- Reads:     analytics.session_revenue by started_at
-- Unit:      day
-- Time:      day
-- Key:       day, source, medium, campaign, currency
-- Partition: month(day)
-- Sort:      day, campaign
-- Owner:     marketing
-- Columns:
--   day       date           When the sessions began, in UTC, as in campaign_performance, which has the same in USD.
--   source    string         Campaign source; "none" without.
--   medium    string         Campaign medium; "none" without.
--   campaign  string         Campaign name; "none" without.
--   currency  string         ISO 4217 code; XXX where the order says none.
--   sessions  long           Sessions that ordered in this currency. Who orders in two counts in both.
--   orders    long           Orders that came of them and are not cancelled.
--   revenue   decimal(38,2)  What these cost.
select cast(r.started_at as date) as day, coalesce(r.source, 'none') as source, coalesce(r.medium, 'none') as medium, coalesce(r.campaign, 'none') as campaign, r.currency,
  count(*) as sessions, sum(r.orders) as orders, sum(r.revenue) as revenue
from analytics.session_revenue r
group by cast(r.started_at as date), coalesce(r.source, 'none'), coalesce(r.medium, 'none'), coalesce(r.campaign, 'none'), r.currency
