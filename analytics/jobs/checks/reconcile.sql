-- Question: Are the orders of a day, its positions and its payments one, each difference explained?
-- Result:   a row for each way in which one of the tables has what the others do not
select m.what, m.orders, m.amount
from (
  select 'orders that reconciliation does not have' as what, count(*) as orders, sum(o.amount) as amount
  from analytics.orders o
  left join analytics.reconciliation r on r.order_id = o.order_id
  where o.ordered_at >= {{from}} and o.ordered_at < {{to}} and (r.order_id is null or r.order_amount is distinct from o.amount)
  union all
  select 'positions that are not in the sum of their order' as what, count(*) as orders, sum(p.amount) as amount
  from (
    select i.order_id, sum(i.amount) as amount from analytics.order_items i where i.ordered_at >= {{from}} and i.ordered_at < {{to}} group by i.order_id
  ) p
  left join analytics.reconciliation r on r.order_id = p.order_id
  where r.order_id is null or r.positions_amount is distinct from p.amount
  union all
  select 'differences without a reason' as what, count(*) as orders, sum(r.order_amount) as amount
  from analytics.reconciliation r
  where r.ordered_at >= {{from}} and r.ordered_at < {{to}}
    and (r.positions_say is null or r.payments_say is null or r.positions_say = 'equal' and r.positions_difference <> 0)
) m
where m.orders > 0
