-- Question:  Which positions does each order have?
-- Reads:     firn.events(order_item_added, order_updated) by order_id
--            analytics.orders by order_id
--            analytics.ref_products
-- Unit:      key order_id
-- Time:      ordered_at
-- Key:       order_id, position
-- Partition: day(ordered_at)
-- Sort:      order_id, position
-- Needs:     analytics.orders where product_id is not null
--            firn.events(order_item_added) where order_id is not null and product_id is not null
-- Owner:     sales
-- Columns:
--   order_id      string         The order.
--   position      long           1 is the product of the order itself, where it has one; the others are in the order in which they were added.
--   ordered_at    timestamptz    When the order was placed; of a position whose order is not known yet, when that was added.
--   product_id    string         The product.
--   product_name  string         As shown to the customer; without one, the name of the product list.
--   category      string         As shown to the customer; without one, that of the product list.
--   quantity      long           Pieces, as an order_updated that names the product last changed them.
--   unit_price    decimal(18,2)  Price of one piece.
--   amount        decimal(38,2)  Pieces times price; of an order with one position and no price, what the order costs.
--   currency      string         ISO 4217 code: that of the order, since a position that says none would be USD; or another one that the position names.
--   order_status  string         The order's state; null while the order is not known.
--   customer_id   string         Who ordered.
--   region        string         Sales region of the order.
--   supplier      string         From the product list; null where it does not know the product.
-- What an update says of an added product changes the first position with it. It comes to that by windows: an engine that reads a
-- named part anew wherever it is named would read the events fifteen times.
with numbered as (
  select e.order_id, e.event_id, e.event_type, e.event_time, e.product_id, e.product_name, e.category, e.quantity, e.unit_price, e.currency,
    row_number() over (
      partition by e.order_id
      order by e.event_time, e.received_at, case when e.event_type = 'order_item_added' then 0 else 1 end, e.log_topic, e.log_partition, e.log_offset
    ) as place,
    row_number() over (partition by e.order_id, e.event_type, e.event_id order by e.event_time, e.received_at, e.log_topic, e.log_partition, e.log_offset) as repetition
  from firn.events e
  where e.order_id is not null and e.product_id is not null
),
-- One and the same event is one position, however often it was read from the log.
lines as (
  select n.*, n.event_type = 'order_item_added' and (n.event_id is null or n.repetition = 1) as is_line
  from numbered n
),
first_lines as (
  select l.*, min(case when l.is_line then l.place end) over (partition by l.order_id, l.product_id) as line_place
  from lines l
),
changes as (
  select f.*,
    max(case when f.event_type = 'order_updated' and f.place > f.line_place and f.quantity is not null then f.place end) over (partition by f.order_id, f.product_id) as quantity_place,
    max(case when f.event_type = 'order_updated' and f.place > f.line_place and f.unit_price is not null then f.place end) over (partition by f.order_id, f.product_id) as price_place
  from first_lines f
),
changed as (
  select c.*,
    max(case when c.place = c.quantity_place then c.quantity end) over (partition by c.order_id, c.product_id) as new_quantity,
    max(case when c.place = c.price_place then c.unit_price end) over (partition by c.order_id, c.product_id) as new_price
  from changes c
),
added as (
  select c.order_id, c.event_time, c.product_id, c.product_name, c.category, c.currency, c.place,
    c.quantity as listed_quantity, c.unit_price as listed_price,
    case when c.place = c.line_place then coalesce(c.new_quantity, c.quantity) else c.quantity end as quantity,
    case when c.place = c.line_place then coalesce(c.new_price, c.unit_price) else c.unit_price end as unit_price
  from changed c
  where c.is_line
),
sums as (
  select a.order_id, count(*) as positions, sum(cast(a.quantity as decimal(20,0)) * a.unit_price) as worth
  from added a
  group by a.order_id
),
listed as (
  select a.order_id, a.product_id, a.listed_quantity, a.listed_price
  from added a
  group by a.order_id, a.product_id, a.listed_quantity, a.listed_price
),
firsts as (
  select o.order_id, o.ordered_at, o.product_id, o.product_name, o.category, o.quantity, o.unit_price, o.currency, o.amount,
    cast(o.quantity as decimal(20,0)) * o.unit_price as worth, s.positions, s.worth as added_worth, i.order_id is not null as is_listed
  from analytics.orders o
  left join sums s on s.order_id = o.order_id
  left join listed i on i.order_id = o.order_id and i.product_id = o.product_id and i.listed_quantity = o.quantity and i.listed_price = o.unit_price
  where o.product_id is not null
),
-- The order's own product is its first position; unless it is listed among the added ones, and the order's amount does not say
-- that it is there twice.
said as (
  select f.order_id, f.ordered_at as event_time, f.product_id, f.product_name, f.category, f.quantity, f.unit_price, f.currency, cast(0 as bigint) as place,
    coalesce(f.worth, case when f.positions is null then cast(f.amount as decimal(38,2)) end) as amount
  from firsts f
  where not f.is_listed or coalesce(f.amount = f.worth + f.added_worth and f.amount <> f.added_worth, false)
  union all
  select a.order_id, a.event_time, a.product_id, a.product_name, a.category, a.quantity, a.unit_price, a.currency, a.place,
    cast(a.quantity as decimal(20,0)) * a.unit_price as amount
  from added a
),
positions as (
  select s.*, row_number() over (partition by s.order_id order by s.place) as position
  from said s
)
select p.order_id, p.position, coalesce(o.ordered_at, p.event_time) as ordered_at,
  p.product_id, coalesce(p.product_name, rp.product_name) as product_name, coalesce(p.category, rp.category) as category,
  p.quantity, p.unit_price, p.amount,
  coalesce(nullif(p.currency, 'USD'), o.currency, p.currency) as currency, o.order_status, o.customer_id, o.region, rp.supplier
from positions p
left join analytics.orders o on o.order_id = p.order_id
left join analytics.ref_products rp on rp.product_id = p.product_id
