-- Question:  How many orders used each coupon?
-- Reads:     firn.events(order_created) by coupon_code
-- Unit:      key coupon_code
-- Key:       coupon_code
-- Owner:     evolution
-- Columns:
--   coupon_code  string         The coupon.
--   orders       long           Orders with it.
select e.coupon_code as coupon_code, count(distinct e.order_id) as orders
from firn.events e
where e.event_type = 'order_created' and e.coupon_code is not null
group by e.coupon_code
