-- Question:  How much does each product earn a day, cancelled orders aside?
-- Reads:     analytics.order_items by ordered_at
-- Unit:      day
-- Time:      day
-- Key:       day, product_id, currency
-- Partition: month(day)
-- Sort:      day, product_id
-- Needs:     analytics.order_items where order_status <> 'CANCELLED'
-- Owner:     sales
-- Columns:
--   day           date           When it was ordered, in UTC.
--   product_id    string         The product.
--   currency      string         ISO 4217 code; XXX where the order says none.
--   product_name  string         Name of the product.
--   category      string         Its category.
--   orders        long           Orders with it that are not cancelled.
--   quantity      long           Pieces; null for more than a long holds.
--   revenue       decimal(38,2)  Pieces times price.
select cast(i.ordered_at as date) as day, i.product_id, coalesce(i.currency, 'XXX') as currency,
  max(i.product_name) as product_name, max(i.category) as category,
  count(distinct i.order_id) as orders, try_cast(coalesce(sum(cast(i.quantity as decimal(20,0))), cast(0 as decimal(20,0))) as bigint) as quantity, coalesce(sum(i.amount), cast(0 as decimal(38,2))) as revenue
from analytics.order_items i
where i.order_status <> 'CANCELLED'
group by cast(i.ordered_at as date), i.product_id, coalesce(i.currency, 'XXX')
