-- Question:  How many orders of each category are in which state?
-- Reads:     analytics.orders
-- Unit:      full
-- Key:       category
-- Sort:      category
-- Owner:     sales
-- Columns:
--   category          string  Category of the order's first product; "none" where there is none.
--   new_orders        long    Orders that came in and nothing since.
--   completed_orders  long    Orders that were completed.
--   cancelled_orders  long    Orders that were cancelled.
--   returned_orders   long    Orders that came back.
--   refunded_orders   long    Orders that were refunded.
--   total_orders      long    All of them.
select coalesce(o.category, 'none') as category,
  count(*) filter (where o.order_status = 'NEW') as new_orders,
  count(*) filter (where o.order_status = 'COMPLETED') as completed_orders,
  count(*) filter (where o.order_status = 'CANCELLED') as cancelled_orders,
  count(*) filter (where o.order_status = 'RETURNED') as returned_orders,
  count(*) filter (where o.order_status = 'REFUNDED') as refunded_orders,
  count(*) as total_orders
from analytics.orders o
group by coalesce(o.category, 'none')
