-- Question:  Which ten products sell the most pieces?
-- Reads:     analytics.product_revenue
--            analytics.ref_rates
-- Unit:      full
-- Key:       rank
-- Sort:      rank
-- Owner:     sales
-- Columns:
--   rank          long           1 is the product with the most pieces; of two with as many, the one with the lower id.
--   product_id    string         The product.
--   product_name  string         Name of the product.
--   category      string         Its category.
--   quantity      long           Pieces ordered, cancelled orders aside.
--   orders        long           Orders with it.
--   revenue_usd   decimal(38,2)  What it earned, in USD by rates.csv; sales in a currency without rate are not in it.
with sold as (
  select p.product_id, max(p.product_name) as product_name, max(p.category) as category,
    sum(cast(p.quantity as decimal(20,0))) as quantity, sum(p.orders) as orders,
    coalesce(cast(sum(try_cast(p.revenue as decimal(20,2)) * r.usd_rate) as decimal(38,2)), cast(0 as decimal(38,2))) as revenue_usd
  from analytics.product_revenue p
  left join analytics.ref_rates r on r.currency = p.currency
  group by p.product_id
),
ranked as (
  select s.product_id, s.product_name, s.category, s.quantity, s.orders, s.revenue_usd,
    row_number() over (order by s.quantity desc nulls last, s.product_id) as rank
  from sold s
)
select r.rank, r.product_id, r.product_name, r.category, try_cast(r.quantity as bigint) as quantity, r.orders, r.revenue_usd
from ranked r
where r.rank <= 10
