-- Question:  How much of what the reference tables should explain do they not know, model by model?
-- Reads:     analytics.orders by ordered_at
--            analytics.order_items by ordered_at
--            analytics.customers by created_at
--            analytics.ref_customers
--            analytics.ref_products
--            analytics.ref_regions
--            analytics.ref_rates
--            analytics.ref_stock
-- Unit:      day
-- Time:      day
-- Key:       day, model, field, reference
-- Partition: month(day)
-- Sort:      day, model
-- Needs:     analytics.orders where coalesce(customer_id, product_id, region, currency) is not null
--            analytics.order_items where product_id is not null
--            analytics.customers
-- Owner:     data
-- Columns:
--   day           date          The day of the rows, in UTC: when it was ordered, or when the customer came.
--   model         string        Where the columns are that stay empty: customer_name and customer_segment, supplier, region_name and manager, stock, and all that is in USD.
--   field         string        By which of its ids it is looked up.
--   reference     string        Where: the file of this name under analytics/reference.
--   rows          long          Rows that name such an id.
--   unknown       long          Those whose id the reference does not know: their columns are empty.
--   unknown_rate  decimal(7,4)  unknown by rows: 1 says that the reference is another shop's.
--   unknown_ids   long          Different ids among them.
--   example       string        One of these, the first in the alphabet.
with named as (
  select cast(o.ordered_at as date) as day, 'orders' as model, 'customer_id' as field, 'customers' as reference, o.customer_id as id, r.customer_id is not null as is_known
  from analytics.orders o left join analytics.ref_customers r on r.customer_id = o.customer_id
  union all
  select cast(o.ordered_at as date) as day, 'orders' as model, 'product_id' as field, 'products' as reference, o.product_id as id, r.product_id is not null as is_known
  from analytics.orders o left join analytics.ref_products r on r.product_id = o.product_id
  union all
  select cast(o.ordered_at as date) as day, 'orders' as model, 'currency' as field, 'rates' as reference, o.currency as id, r.currency is not null as is_known
  from analytics.orders o left join analytics.ref_rates r on r.currency = o.currency
  union all
  select cast(o.ordered_at as date) as day, 'regional_revenue' as model, 'region' as field, 'regions' as reference, o.region as id, r.region is not null as is_known
  from analytics.orders o left join analytics.ref_regions r on r.region = o.region
  union all
  select cast(i.ordered_at as date) as day, 'order_items' as model, 'product_id' as field, 'products' as reference, i.product_id as id, r.product_id is not null as is_known
  from analytics.order_items i left join analytics.ref_products r on r.product_id = i.product_id
  union all
  select cast(i.ordered_at as date) as day, 'product_demand' as model, 'product_id' as field, 'stock' as reference, i.product_id as id, r.product_id is not null as is_known
  from analytics.order_items i left join analytics.ref_stock r on r.product_id = i.product_id
  union all
  select cast(c.created_at as date) as day, 'customers' as model, 'customer_id' as field, 'customers' as reference, c.customer_id as id, r.customer_id is not null as is_known
  from analytics.customers c left join analytics.ref_customers r on r.customer_id = c.customer_id
),
counted as (
  select n.day, n.model, n.field, n.reference, count(*) as named, count(*) filter (where not n.is_known) as unknown,
    count(distinct case when not n.is_known then n.id end) as unknown_ids, min(case when not n.is_known then n.id end) as example
  from named n
  where n.id is not null
  group by n.day, n.model, n.field, n.reference
)
select c.day, c.model, c.field, c.reference, c.named as rows, c.unknown,
  cast(round(cast(c.unknown as double) / cast(c.named as double), 4) as decimal(7,4)) as unknown_rate, c.unknown_ids, c.example
from counted c
