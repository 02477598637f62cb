-- Question:  Which positions does each order have?
-- Reads:     firn.events(order_created, order_item_added) by order_id
--            analytics.orders by order_id
--            analytics.ref_products
-- Unit:      key order_id
-- Time:      ordered_at
-- Key:       order_id, position
-- Partition: day(ordered_at)
-- Sort:      order_id, position
-- Owner:     sales
-- Columns:
--   order_id      string         The order.
--   position      long           1 is the product of the order itself, the others are in the order in which they were added.
--   ordered_at    timestamptz    When the order was placed; of a position whose order is not known yet, when that was added.
--   product_id    string         The product.
--   product_name  string         As shown to the customer; without one, the name of the product list.
--   category      string         As shown to the customer; without one, that of the product list.
--   quantity      long           Pieces.
--   unit_price    decimal(18,2)  Price of one piece.
--   amount        decimal(38,2)  Pieces times price.
--   currency      string         ISO 4217 code: that of the order, since a position that says none would be USD; or another one that the position names.
--   order_status  string         The order's state; null while the order is not known.
--   customer_id   string         Who ordered.
--   region        string         Sales region of the order.
--   supplier      string         From the product list; null where it does not know the product.
with said as (
  select e.order_id, e.event_id, e.event_type, e.event_time, e.product_id, e.product_name, e.category, e.quantity, e.unit_price, e.currency,
    row_number() over (partition by e.order_id, e.event_type order by e.event_time, e.received_at, e.log_topic, e.log_partition, e.log_offset) as place,
    row_number() over (partition by e.order_id, e.event_type order by e.event_time desc, e.received_at desc, e.log_topic desc, e.log_partition desc, e.log_offset desc) as place_from_end,
    row_number() over (partition by e.order_id, e.event_id order by e.event_time, e.received_at, e.log_topic, e.log_partition, e.log_offset) as repetition
  from firn.events e
  where e.order_id is not null
    and e.product_id is not null
),
-- An order that was sent twice has its last version's product once; one and the same event is one position, however often it
-- was read from the log.
positions as (
  select s.order_id, s.event_time, s.product_id, s.product_name, s.category, s.quantity, s.unit_price, s.currency,
    row_number() over (partition by s.order_id order by case when s.event_type = 'order_created' then 0 else 1 end, s.place) as position
  from said s
  where s.event_type = 'order_item_added' and (s.event_id is null or s.repetition = 1) or s.event_type = 'order_created' and s.place_from_end = 1
)
select p.order_id, p.position, coalesce(o.ordered_at, p.event_time) as ordered_at,
  p.product_id, coalesce(p.product_name, rp.product_name) as product_name, coalesce(p.category, rp.category) as category,
  p.quantity, p.unit_price, cast(p.quantity as decimal(20,0)) * p.unit_price as amount,
  coalesce(nullif(p.currency, 'USD'), o.currency, p.currency) as currency, o.order_status, o.customer_id, o.region, rp.supplier
from positions p
left join analytics.orders o on o.order_id = p.order_id
left join analytics.ref_products rp on rp.product_id = p.product_id
