-- Question:  Which products are bought together, and more often than chance would have it?
-- Reads:     analytics.product_pairs
--            analytics.ref_products
-- Unit:      full
-- Key:       product_a, product_b
-- Sort:      product_a, product_b
-- Needs:     analytics.product_pairs where product_a <> product_b
-- Freshness: 15 minutes
-- Owner:     merchandising
-- Columns:
--   product_a     string         One product.
--   product_b     string         The other, which comes later in the alphabet.
--   name_a        string         Name of product_a in the product list; null where it does not know it.
--   name_b        string         Name of product_b in the product list.
--   orders        long           Orders with both, cancelled orders aside.
--   orders_a      long           Orders with product_a.
--   orders_b      long           Orders with product_b.
--   support       decimal(18,6)  Share of all orders that have both.
--   confidence_a  decimal(18,4)  Share of the orders with product_a that have product_b as well.
--   confidence_b  decimal(18,4)  Share of the orders with product_b that have product_a as well.
--   lift          decimal(18,4)  How many times more often both are bought together than if they had nothing to do with each other; 1 is chance.
with pairs as (
  select p.product_a, p.product_b, sum(p.orders) as orders
  from analytics.product_pairs p
  group by p.product_a, p.product_b
),
days as (
  select p.day, max(p.day_orders) as orders
  from analytics.product_pairs p
  group by p.day
),
total as (
  select sum(d.orders) as orders
  from days d
)
select x.product_a, x.product_b, na.product_name as name_a, nb.product_name as name_b, x.orders, a.orders as orders_a, b.orders as orders_b,
  cast(round(cast(x.orders as double) / cast(t.orders as double), 6) as decimal(18,6)) as support,
  cast(round(cast(x.orders as double) / cast(a.orders as double), 4) as decimal(18,4)) as confidence_a,
  cast(round(cast(x.orders as double) / cast(b.orders as double), 4) as decimal(18,4)) as confidence_b,
  cast(round(cast(x.orders as double) * cast(t.orders as double) / (cast(a.orders as double) * cast(b.orders as double)), 4) as decimal(18,4)) as lift
from pairs x
join pairs a on a.product_a = x.product_a and a.product_b = x.product_a
join pairs b on b.product_a = x.product_b and b.product_b = x.product_b
cross join total t
left join analytics.ref_products na on na.product_id = x.product_a
left join analytics.ref_products nb on nb.product_id = x.product_b
where x.product_a <> x.product_b
