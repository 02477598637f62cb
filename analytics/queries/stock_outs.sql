-- Question:   Which products are out of stock or soon will be?
-- Result:     one row per product at its newest day with demand, the shortest stock first.
-- Parameters: none
with newest as (
  select d.day, d.product_id, d.average_demand, d.stock, d.reorder_point, d.days_of_stock, d.stock_signal,
    row_number() over (partition by d.product_id order by d.day desc) as place
  from analytics.product_demand d
)
select n.product_id, p.product_name, p.supplier, n.day as last_day, n.average_demand, n.stock, n.reorder_point, n.days_of_stock, n.stock_signal
from newest n
left join analytics.ref_products p on p.product_id = n.product_id
where n.place = 1 and n.stock_signal in ('out', 'soon_out', 'reorder')
order by n.days_of_stock nulls last, n.stock, n.product_id
