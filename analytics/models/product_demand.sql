-- Question:  How much is each product asked for and sent back, day by day, and for how long does the stock last?
-- Reads:     analytics.order_items by ordered_at with 6 days before
--            firn.events(order_returned) by event_time
--            analytics.ref_stock
-- Unit:      day
-- Time:      day
-- Key:       day, product_id
-- Partition: month(day)
-- Sort:      day, product_id
-- Needs:     analytics.order_items where order_status <> 'CANCELLED'
--            firn.events(order_returned) where product_id is not null and order_id is not null
-- Owner:     supply
-- Columns:
--   day             date           The day, in UTC. Days on which a product was neither ordered nor returned have no row.
--   product_id      string         The product.
--   demand          long           Pieces ordered on the day, cancelled orders aside.
--   orders          long           Orders with it.
--   returns         long           Pieces that came back on the day: of each order_returned that names the product; one that says no quantity is one piece.
--   average_demand  decimal(18,4)  Pieces a day over the seven days that end with this one, days without orders counting as zero.
--   stock           long           Pieces in the warehouse, from stock.csv; null where it does not know the product.
--   reorder_point   long           From stock.csv.
--   days_of_stock   decimal(18,1)  How many such days the stock lasts; null without demand.
--   stock_signal    string         out: nothing is left; soon_out: it lasts less than a week; reorder: it is at the reorder point or below; ok; null without stock figures.
with asked as (
  select cast(i.ordered_at as date) as day, i.product_id, count(distinct i.order_id) as orders, sum(cast(i.quantity as decimal(20,0))) as demand
  from analytics.order_items i
  where i.order_status <> 'CANCELLED'
  group by cast(i.ordered_at as date), i.product_id
),
said as (
  select cast(e.event_time as date) as day, e.order_id, e.product_id, coalesce(e.quantity, 1) as quantity,
    -- A return that was sent twice on a day counts once, as it was last said.
    row_number() over (partition by cast(e.event_time as date), e.order_id, e.product_id order by e.event_time desc, e.received_at desc, e.log_topic desc, e.log_partition desc, e.log_offset desc) as place
  from firn.events e
  where e.product_id is not null and e.order_id is not null
),
returned as (
  select s.day, s.product_id, sum(cast(s.quantity as decimal(20,0))) as returns
  from said s
  where s.place = 1
  group by s.day, s.product_id
),
days as (
  select coalesce(a.day, r.day) as day, coalesce(a.product_id, r.product_id) as product_id,
    coalesce(a.demand, cast(0 as decimal(20,0))) as demand, coalesce(a.orders, 0) as orders, coalesce(r.returns, cast(0 as decimal(20,0))) as returns
  from asked a
  full join returned r on r.day = a.day and r.product_id = a.product_id
),
moving as (
  select d.day, d.product_id, d.demand, d.orders, d.returns,
    sum(d.demand) over (partition by d.product_id order by d.day range between interval '6' day preceding and current row) as week_demand
  from days d
)
-- Quantities that nobody orders, but somebody may send, are null rather than the end of the model.
select m.day, m.product_id, try_cast(m.demand as bigint) as demand, m.orders, try_cast(m.returns as bigint) as returns,
  try_cast(round(cast(m.week_demand as double) / 7e0, 4) as decimal(18,4)) as average_demand,
  s.stock, s.reorder_point,
  case when m.week_demand > 0 then try_cast(round(cast(s.stock as double) * 7e0 / cast(m.week_demand as double), 1) as decimal(18,1)) end as days_of_stock,
  case
    when s.stock <= 0 then 'out'
    when cast(s.stock as decimal(38,0)) < m.week_demand then 'soon_out'
    when s.stock <= s.reorder_point then 'reorder'
    when s.stock is not null then 'ok'
  end as stock_signal
from moving m
left join analytics.ref_stock s on s.product_id = m.product_id
