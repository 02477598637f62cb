-- Question: How far do sessions get, from looking to buying?
-- Result:   one row: sessions that reached each step.
select
  count(distinct case when event_type = 'product_view' then session_id end) as looked,
  count(distinct case when event_type = 'add_to_cart' then session_id end) as put_into_cart,
  count(distinct case when event_type = 'checkout_started' then session_id end) as went_to_checkout,
  count(distinct case when event_type = 'purchase' then session_id end) as bought
from firn.events
where event_type in ('product_view', 'add_to_cart', 'checkout_started', 'purchase')
