-- Question:   What is bought together with a product, more often than chance would have it?
-- Result:     the first twenty, the highest lift first; pairs of a single order are chance and not in it.
-- Parameters: product_id string
select case when a.product_a = {{product_id}} then a.product_b else a.product_a end as product_id, case when a.product_a = {{product_id}} then a.name_b else a.name_a end as product_name,
  a.orders, a.support, case when a.product_a = {{product_id}} then a.confidence_a else a.confidence_b end as confidence, a.lift
from analytics.product_affinity a
where (a.product_a = {{product_id}} or a.product_b = {{product_id}}) and a.orders >= 2
order by a.lift desc, a.orders desc, product_id
limit 20
