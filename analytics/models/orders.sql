-- Question:  What is known of each order now, and who ordered what?
-- Reads:     firn.events(order_created, order_updated, order_cancelled, order_returned) by order_id
--            analytics.ref_customers
--            analytics.ref_products
-- Unit:      key order_id
-- Key:       order_id
-- Partition: bucket(8, order_id)
-- Sort:      order_id
-- Owner:     sales
-- Columns:
--   order_id          string         The order.
--   customer_id       string         Who ordered.
--   ordered_at        timestamptz    When it was ordered: the first order_created, else the first event that was seen of it.
--   updated_at        timestamptz    When it last changed.
--   received_at       timestamptz    When the last of its events arrived.
--   product_id        string         The product of its first position.
--   product_name      string         As shown to the customer; without one, the name of the product list.
--   category          string         As shown to the customer; without one, that of the product list.
--   quantity          long           Pieces of the first position.
--   unit_price        decimal(18,2)  Price of one piece of the first position.
--   amount            decimal(18,2)  What the whole order costs.
--   currency          string         ISO 4217 code.
--   order_status      string         NEW, COMPLETED, CANCELLED, RETURNED or REFUNDED.
--   region            string         Sales region.
--   session_id        string         The visit in which it was ordered.
--   ip                string         The address that it was ordered from.
--   updates           long           How many events changed it after it was created.
--   is_created        boolean        Whether its order_created was seen: an update can overtake it.
--   customer_name     string         From the CRM; null where it does not know the customer.
--   customer_segment  string         From the CRM.
--   supplier          string         From the product list; null where it does not know the product.
with numbered as (
  select e.*,
    case
      when e.order_status is not null then e.order_status
      when e.event_type = 'order_created' then 'NEW'
      when e.event_type = 'order_cancelled' then 'CANCELLED'
      when e.event_type = 'order_returned' then 'RETURNED'
    end as status,
    row_number() over (partition by e.order_id order by e.event_time, e.received_at, e.log_topic, e.log_partition, e.log_offset) as place
  from firn.events e
  where e.order_id is not null
),
-- For each field the place of the latest event that says something about it: an update names only what changed. Lines of an
-- order_returned name what came back, and the money that it gives to them is not that of the order.
places as (
  select n.order_id,
    min(n.event_time) as first_seen_at,
    min(n.event_time) filter (where n.event_type = 'order_created') as created_at,
    max(n.event_time) as updated_at,
    max(n.received_at) as received_at,
    count(*) filter (where n.event_type <> 'order_created') as updates,
    count(*) filter (where n.event_type = 'order_created') as creations,
    max(n.place) filter (where n.status is not null) as status_place,
    max(n.place) filter (where n.customer_id is not null) as customer_place,
    max(n.place) filter (where n.region is not null) as region_place,
    max(n.place) filter (where n.event_type = 'order_created') as created_place,
    max(n.place) filter (where n.event_type in ('order_created', 'order_updated') and n.product_id is not null) as product_place,
    max(n.place) filter (where n.event_type in ('order_created', 'order_updated') and n.amount is not null) as amount_place
  from numbered n
  group by n.order_id
)
select p.order_id, c.customer_id,
  coalesce(p.created_at, p.first_seen_at) as ordered_at, p.updated_at, p.received_at,
  i.product_id, coalesce(i.product_name, rp.product_name) as product_name, coalesce(i.category, rp.category) as category, i.quantity, i.unit_price,
  a.amount, a.currency, s.status as order_status, r.region, o.session_id, o.ip,
  p.updates, p.creations > 0 as is_created,
  rc.name as customer_name, rc.segment as customer_segment, rp.supplier
from places p
left join numbered s on s.order_id = p.order_id and s.place = p.status_place
left join numbered c on c.order_id = p.order_id and c.place = p.customer_place
left join numbered r on r.order_id = p.order_id and r.place = p.region_place
left join numbered o on o.order_id = p.order_id and o.place = p.created_place
left join numbered i on i.order_id = p.order_id and i.place = p.product_place
left join numbered a on a.order_id = p.order_id and a.place = p.amount_place
left join analytics.ref_customers rc on rc.customer_id = c.customer_id
left join analytics.ref_products rp on rp.product_id = i.product_id
