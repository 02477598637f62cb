-- Question:  Which products were in one order, day by day?
-- Reads:     analytics.order_items by ordered_at
-- Unit:      day
-- Time:      day
-- Key:       day, product_a, product_b
-- Partition: month(day)
-- Sort:      day, product_a, product_b
-- Needs:     analytics.order_items where order_status <> 'CANCELLED'
-- Freshness: 15 minutes
-- Owner:     merchandising
-- Columns:
--   day         date    When the orders were placed, in UTC.
--   product_a   string  One product.
--   product_b   string  The other, which comes later in the alphabet; or the same, for the orders with this product.
--   orders      long    Orders with both, cancelled orders aside.
--   day_orders  long    All orders of the day that are not cancelled, the same on each row.
with bought as (
  select cast(i.ordered_at as date) as day, i.order_id, i.product_id
  from analytics.order_items i
  where i.order_status <> 'CANCELLED'
  group by cast(i.ordered_at as date), i.order_id, i.product_id
),
-- Pairs grow with the square: an order of more than 50 products is a list, and is left out.
sizes as (
  select b.order_id, b.day
  from bought b
  group by b.order_id, b.day
  having count(*) <= 50
),
counted as (
  select b.day, b.order_id, b.product_id
  from bought b
  join sizes z on z.order_id = b.order_id and z.day = b.day
),
totals as (
  select z.day, count(*) as day_orders
  from sizes z
  group by z.day
)
select a.day, a.product_id as product_a, b.product_id as product_b, count(*) as orders, max(t.day_orders) as day_orders
from counted a
join counted b on b.order_id = a.order_id and b.day = a.day and b.product_id >= a.product_id
join totals t on t.day = a.day
group by a.day, a.product_id, b.product_id
