-- Question:   How much was sold in each hour of a day?
-- Result:     one row per hour and currency, in order; hours without orders have none.
-- Parameters: day date
select h.hour, h.currency, h.total_orders, h.total_revenue, h.avg_order_value, h.cancelled_orders, h.total_revenue - h.cancelled_revenue as revenue_that_stays
from analytics.hourly_sales h
where h.hour >= cast({{day}} as timestamp with time zone) and h.hour < cast({{day}} as timestamp with time zone) + interval '1' day
order by h.hour, h.currency
