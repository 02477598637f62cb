-- Question:  What is known of each order now, and who ordered what?
-- Reads:     firn.events(order_created, order_updated, order_cancelled, order_returned) by order_id
--            analytics.ref_customers
--            analytics.ref_products
-- Unit:      key order_id
-- Time:      ordered_at
-- Key:       order_id
-- Partition: day(ordered_at)
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
--   currency          string         ISO 4217 code: that of the order_created, since an update that says none would be USD; an update that names another one with its amount changes it.
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
  select e.order_id, e.event_type, e.event_time, e.received_at, e.customer_id, e.user_id, e.session_id, e.ip, e.region,
    e.product_id, e.product_name, e.category, e.quantity, e.unit_price, e.amount, e.currency,
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
-- An update names only what changed, so each field has its own latest event: its place. What an order_cancelled or
-- order_returned says of products and money is about what goes back, not about the order.
places as (
  select n.order_id,
    max(n.place) filter (where n.event_type = 'order_created') as created,
    max(n.place) filter (where n.status is not null) as status,
    max(n.place) filter (where n.customer_id is not null) as customer,
    max(n.place) filter (where n.region is not null) as region,
    max(n.place) filter (where n.event_type in ('order_created', 'order_updated') and n.product_id is not null) as product,
    max(n.place) filter (where n.event_type in ('order_created', 'order_updated') and n.amount is not null) as amount
  from numbered n
  group by n.order_id
),
latest as (
  select n.order_id,
    coalesce(min(n.event_time) filter (where n.event_type = 'order_created'), min(n.event_time)) as ordered_at,
    max(n.event_time) as updated_at,
    max(n.received_at) as received_at,
    count(*) filter (where n.event_type <> 'order_created') as updates,
    count(*) filter (where n.event_type = 'order_created') > 0 as is_created,
    coalesce(max(n.customer_id) filter (where n.place = p.customer), max(n.user_id) filter (where n.place = p.created)) as customer_id,
    max(n.session_id) filter (where n.place = p.created) as session_id,
    max(n.ip) filter (where n.place = p.created) as ip,
    max(n.status) filter (where n.place = p.status) as order_status,
    max(n.region) filter (where n.place = p.region) as region,
    max(n.product_id) filter (where n.place = p.product) as product_id,
    max(n.product_name) filter (where n.place = p.product) as product_name,
    max(n.category) filter (where n.place = p.product) as category,
    max(n.quantity) filter (where n.place = p.product) as quantity,
    max(n.unit_price) filter (where n.place = p.product) as unit_price,
    max(n.amount) filter (where n.place = p.amount) as amount,
    coalesce(max(nullif(n.currency, 'USD')) filter (where n.place = p.amount), max(n.currency) filter (where n.place = p.created), max(n.currency) filter (where n.place = p.amount)) as currency
  from numbered n
  join places p on p.order_id = n.order_id
  group by n.order_id
)
select l.order_id, l.customer_id, l.ordered_at, l.updated_at, l.received_at,
  l.product_id, coalesce(l.product_name, rp.product_name) as product_name, coalesce(l.category, rp.category) as category, l.quantity, l.unit_price,
  l.amount, l.currency, l.order_status, l.region, l.session_id, l.ip, l.updates, l.is_created,
  rc.name as customer_name, rc.segment as customer_segment, rp.supplier
from latest l
left join analytics.ref_customers rc on rc.customer_id = l.customer_id
left join analytics.ref_products rp on rp.product_id = l.product_id
