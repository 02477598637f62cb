-- Question:  How much has each category earned by each day, cancelled orders aside?
-- Reads:     analytics.product_revenue
-- Unit:      full
-- Key:       day, category, currency
-- Sort:      category, currency, day
-- Owner:     sales
-- Columns:
--   day               date           The day, in UTC. Days without sales have no row.
--   category          string         The category; "none" where a product has none.
--   currency          string         ISO 4217 code; XXX where the order says none.
--   quantity          long           Pieces ordered on the day; null for more than a long holds.
--   revenue           decimal(38,2)  What they cost.
--   running_quantity  long           Pieces so far.
--   running_revenue   decimal(38,2)  What they cost so far.
with days as (
  select p.day, coalesce(p.category, 'none') as category, p.currency, sum(cast(p.quantity as decimal(20,0))) as quantity, sum(p.revenue) as revenue
  from analytics.product_revenue p
  group by p.day, coalesce(p.category, 'none'), p.currency
)
select d.day, d.category, d.currency, try_cast(d.quantity as bigint) as quantity, d.revenue,
  try_cast(sum(d.quantity) over (partition by d.category, d.currency order by d.day rows between unbounded preceding and current row) as bigint) as running_quantity,
  sum(d.revenue) over (partition by d.category, d.currency order by d.day rows between unbounded preceding and current row) as running_revenue
from days d
