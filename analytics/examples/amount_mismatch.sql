-- Question: Where does the captured amount differ from the order's?
-- Result:   one row per order and payment.
select o.order_id, o.amount as ordered, p.amount as paid, p.amount - o.amount as difference, o.currency
from firn.events o
join firn.events p on p.order_id = o.order_id and p.event_type = 'payment_captured'
where o.event_type = 'order_created' and o.currency = p.currency and o.amount <> p.amount
order by o.order_id, p.payment_id
