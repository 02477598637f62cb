-- Question:  What is known of each order now, and who ordered what?
-- Reads:     firn.events(order_created, order_item_added, order_updated, order_cancelled, order_returned, payment_refunded) by order_id
--            analytics.ref_customers
--            analytics.ref_products
--            analytics.ref_rates
-- Unit:      key order_id
-- Time:      ordered_at
-- Key:       order_id
-- Partition: day(ordered_at)
-- Sort:      order_id
-- Needs:     firn.events(order_created, order_updated, order_cancelled, order_returned) where order_id is not null
-- Freshness: 2 minutes
-- Owner:     sales
-- Columns:
--   order_id          string         The order.
--   customer_id       string         Who ordered.
--   ordered_at        timestamptz    When it was ordered: the first order_created, else the first event that was seen of it.
--   updated_at        timestamptz    When it last changed. A confirmation page that is loaded again changes nothing.
--   received_at       timestamptz    When the last of the order's own events arrived.
--   product_id        string         The product of its first position.
--   product_name      string         As shown to the customer; without one, the name of the product list.
--   category          string         As shown to the customer; without one, that of the product list.
--   quantity          long           Pieces of the first position, as an order_updated last changed them.
--   unit_price        decimal(18,2)  Price of one piece of the first position.
--   amount            decimal(18,2)  What the whole order costs. As last said; what changed its positions without naming an amount changes it as well. An amount that is just the first position's grows by what was added.
--   currency          string         ISO 4217 code: that of the order_created, since an update that says none would be USD; an update that names another one with its amount changes it.
--   order_status      string         NEW, COMPLETED, CANCELLED, RETURNED or REFUNDED; NEW while no event says one.
--   region            string         Sales region.
--   session_id        string         The visit in which it was ordered.
--   ip                string         The address that it was ordered from.
--   updates           long           How many events changed it after it was created.
--   is_created        boolean        Whether it is known what was ordered: its order_created was seen, or another event that says what the order costs, of a producer that sends one record an order.
--   refunded_amount   decimal(18,2)  What payments gave back, in the order's currency by rates.csv; all of it when the order says REFUNDED and no payment does.
--   customer_name     string         From the CRM; null where it does not know the customer.
--   customer_segment  string         From the CRM.
--   supplier          string         From the product list; null where it does not know the product.
-- One reading of the events: what a row needs to know of its order comes to it by windows, since an engine that reads a named part
-- anew wherever it is named would read the events forty times.
with said as (
  select e.order_id, e.event_id, e.event_type, e.event_time, e.received_at, e.customer_id, e.user_id, e.session_id, e.ip, e.region,
    e.product_id, e.product_name, e.category, e.quantity, e.unit_price, e.amount, e.currency, e.log_topic, e.log_partition, e.log_offset,
    cast(e.quantity as decimal(20,0)) * e.unit_price as worth,
    case
      when e.event_type in ('order_item_added', 'payment_refunded') then null
      when e.order_status is not null then e.order_status
      when e.event_type = 'order_created' then 'NEW'
      when e.event_type = 'order_cancelled' then 'CANCELLED'
      when e.event_type = 'order_returned' then 'RETURNED'
    end as status
  from firn.events e
  where e.order_id is not null
),
-- A confirmation page that is loaded again sends the order_created again. It says what was said at first, and takes nothing
-- back that happened since: its place is that of the first one.
dated as (
  select s.*,
    case when s.event_type = 'order_created' then min(s.event_time) over (partition by s.order_id, s.event_type) else s.event_time end as told_at,
    case when s.event_type = 'order_created' then first_value(s.received_at) over (partition by s.order_id, s.event_type order by s.event_time, s.received_at rows between unbounded preceding and current row) else s.received_at end as heard_at
  from said s
),
-- Of one instant the life of an order decides: what ends it comes behind what began it, wherever both lie in the log.
numbered as (
  select s.*,
    row_number() over (
      partition by s.order_id
      order by s.told_at, s.heard_at,
        case
          when s.event_type = 'payment_refunded' then 6
          when s.status in ('RETURNED', 'REFUNDED') then 5
          when s.status = 'CANCELLED' then 4
          when s.status = 'COMPLETED' then 3
          when s.event_type = 'order_created' then 0
          when s.event_type = 'order_item_added' then 1
          else 2
        end,
        s.event_time, s.received_at, s.log_topic, s.log_partition, s.log_offset
    ) as place,
    -- One and the same event counts once, however often it was read from the log.
    row_number() over (partition by s.order_id, s.event_type, s.event_id order by s.event_time, s.received_at, s.log_topic, s.log_partition, s.log_offset) as repetition
  from dated s
),
-- Positions that were added to the first one. order_items lists them by the same rule.
listed as (
  select n.*, n.event_type = 'order_item_added' and n.product_id is not null and (n.event_id is null or n.repetition = 1) as is_line,
    n.event_type = 'payment_refunded' and n.amount is not null and (n.event_id is null or n.repetition = 1) as is_refund
  from numbered n
),
added as (
  select l.*, case when l.product_id is not null then min(case when l.is_line then l.place end) over (partition by l.order_id, l.product_id) end as line_place
  from listed l
),
-- What an order_cancelled or order_returned says of products and money is about what goes back, not about the order; unless
-- nothing else ever said it. An update that names an added product is about that, but for an amount that is not just its own.
told as (
  select a.*,
    case
      when a.event_type = 'order_created' then 1
      when a.event_type = 'order_updated' and a.line_place is null then 1
      when a.event_type in ('order_cancelled', 'order_returned') then 0
    end as rank,
    a.event_type = 'order_updated' and a.line_place < a.place as is_change
  from added a
),
-- An update names only what changed, so each field has its own latest event: its place.
placed as (
  select t.*,
    min(case when t.event_type not in ('order_item_added', 'payment_refunded') then t.place end) over (partition by t.order_id) as first_place,
    max(case when t.event_type = 'order_created' and t.event_time = t.told_at then t.place end) over (partition by t.order_id) as created_place,
    max(case when t.status is not null then t.place end) over (partition by t.order_id) as status_place,
    max(case when t.status is not null and t.customer_id is not null or t.event_type = 'order_updated' and t.customer_id is not null then t.place end) over (partition by t.order_id) as customer_place,
    max(case when t.event_type not in ('order_item_added', 'payment_refunded') and t.region is not null then t.place end) over (partition by t.order_id) as region_place,
    coalesce(
      max(case when t.rank = 1 and t.product_id is not null then t.place end) over (partition by t.order_id),
      max(case when t.rank = 0 and t.product_id is not null then t.place end) over (partition by t.order_id)
    ) as product_place,
    coalesce(
      max(case when t.amount is not null and (t.rank = 1 or t.event_type = 'order_updated' and t.amount is distinct from t.worth) then t.place end) over (partition by t.order_id),
      max(case when t.amount is not null and t.rank = 0 then t.place end) over (partition by t.order_id)
    ) as amount_place,
    max(case when t.is_change and t.quantity is not null then t.place end) over (partition by t.order_id, t.product_id) as new_quantity_place,
    max(case when t.is_change and t.unit_price is not null then t.place end) over (partition by t.order_id, t.product_id) as new_price_place
  from told t
),
-- Pieces and price belong to the product that the first position has now: where an event names it, or names none after it came.
current as (
  select p.*,
    max(case when p.place = p.product_place then p.product_id end) over (partition by p.order_id) as own_id,
    max(case when p.place = p.new_quantity_place then p.quantity end) over (partition by p.order_id, p.product_id) as new_quantity,
    max(case when p.place = p.new_price_place then p.unit_price end) over (partition by p.order_id, p.product_id) as new_price,
    coalesce(
      max(case when p.place = p.amount_place then nullif(p.currency, 'USD') end) over (partition by p.order_id),
      max(case when p.place = p.created_place then p.currency end) over (partition by p.order_id),
      max(case when p.place = p.amount_place then p.currency end) over (partition by p.order_id)
    ) as own_currency
  from placed p
),
own as (
  select c.*, min(case when c.rank is not null and c.product_id = c.own_id then c.place end) over (partition by c.order_id) as began
  from current c
),
about as (
  select o.*, coalesce(o.place = o.product_place or o.rank = 1 and (o.product_id = o.own_id or o.product_id is null and o.place > o.began), false) as is_own,
    case when o.is_line and o.place = o.line_place then cast(coalesce(o.new_quantity, o.quantity) as decimal(20,0)) * coalesce(o.new_price, o.unit_price) - o.worth end as difference
  from own o
),
details as (
  select a.*,
    max(case when a.is_own and a.product_name is not null then a.place end) over (partition by a.order_id) as name_place,
    max(case when a.is_own and a.category is not null then a.place end) over (partition by a.order_id) as category_place,
    max(case when a.is_own and a.quantity is not null then a.place end) over (partition by a.order_id) as quantity_place,
    max(case when a.is_own and a.unit_price is not null then a.place end) over (partition by a.order_id) as price_place,
    max(case when a.is_own and a.quantity is not null and a.place <= a.amount_place then a.place end) over (partition by a.order_id) as old_quantity_place,
    max(case when a.is_own and a.unit_price is not null and a.place <= a.amount_place then a.place end) over (partition by a.order_id) as old_price_place
  from about a
),
facts as (
  select d.*,
    max(case when d.place = d.quantity_place then d.quantity end) over (partition by d.order_id) as own_quantity,
    max(case when d.place = d.price_place then d.unit_price end) over (partition by d.order_id) as own_price,
    -- What they were when the amount was said: it changes by what they changed since.
    max(case when d.place = d.old_quantity_place then d.quantity end) over (partition by d.order_id) as old_quantity,
    max(case when d.place = d.old_price_place then d.unit_price end) over (partition by d.order_id) as old_price
  from details d
),
latest as (
  select f.order_id,
    coalesce(min(f.event_time) filter (where f.event_type = 'order_created'), min(f.event_time) filter (where f.event_type not in ('order_item_added', 'payment_refunded'))) as ordered_at,
    max(f.told_at) filter (where f.event_type not in ('order_item_added', 'payment_refunded')) as updated_at,
    max(f.received_at) filter (where f.event_type not in ('order_item_added', 'payment_refunded')) as received_at,
    count(*) filter (where f.event_type not in ('order_created', 'order_item_added', 'payment_refunded')) as updates,
    count(*) filter (where f.event_type = 'order_created' or f.event_type not in ('order_item_added', 'payment_refunded') and f.amount is not null) > 0 as is_created,
    coalesce(max(f.customer_id) filter (where f.place = f.customer_place), max(f.user_id) filter (where f.place = coalesce(f.created_place, f.first_place))) as customer_id,
    max(f.session_id) filter (where f.place = coalesce(f.created_place, f.first_place)) as session_id,
    max(f.ip) filter (where f.place = coalesce(f.created_place, f.first_place)) as ip,
    coalesce(max(f.status) filter (where f.place = f.status_place), 'NEW') as order_status,
    max(f.region) filter (where f.place = f.region_place) as region,
    max(f.own_id) as product_id,
    max(f.product_name) filter (where f.place = f.name_place) as product_name,
    max(f.category) filter (where f.place = f.category_place) as category,
    max(f.own_quantity) as quantity, max(f.own_price) as unit_price, max(f.own_currency) as currency,
    cast(max(f.own_quantity) as decimal(20,0)) * max(f.own_price) as worth,
    max(f.amount) filter (where f.place = f.amount_place) as said_amount,
    max(f.worth) filter (where f.place = f.amount_place) as said_worth,
    cast(max(f.old_quantity) as decimal(20,0)) * max(f.old_price) as old_worth,
    coalesce(sum(f.worth) filter (where f.is_line), cast(0 as decimal(38,2))) + coalesce(sum(f.difference), cast(0 as decimal(38,2))) as added_worth,
    coalesce(sum(f.difference) filter (where coalesce(f.new_quantity_place, 0) > f.amount_place or coalesce(f.new_price_place, 0) > f.amount_place), cast(0 as decimal(38,2))) as added_since,
    -- The first position may be listed among the added ones once more.
    count(*) filter (where f.is_line and f.product_id = f.own_id and f.quantity = f.own_quantity and f.unit_price = f.own_price) > 0 as is_listed,
    try_cast(sum(case
      when not f.is_refund then null
      when f.currency is null or f.currency = f.own_currency then cast(f.amount as decimal(38,2))
      else coalesce(try_cast(round(cast(f.amount as double) * cast(theirs.usd_rate as double) / nullif(cast(ours.usd_rate as double), 0e0), 2) as decimal(38,2)), cast(0 as decimal(38,2)))
    end) as decimal(18,2)) as given_back
  from facts f
  left join analytics.ref_rates theirs on theirs.currency = f.currency
  left join analytics.ref_rates ours on ours.currency = f.own_currency
  group by f.order_id
),
totals as (
  select l.*,
    coalesce(try_cast(
      case
        -- The amount that the writer puts where none was sent: it is the first position's and no more.
        when l.said_amount = l.said_worth and l.is_listed then l.added_worth
        when l.said_amount = l.said_worth then coalesce(l.worth, cast(l.said_amount as decimal(38,2))) + l.added_worth
        else cast(l.said_amount as decimal(38,2)) + coalesce(l.worth - l.old_worth, cast(0 as decimal(38,2))) + l.added_since
      end as decimal(18,2)), l.said_amount) as amount
  from latest l
  where l.ordered_at is not null
)
select t.order_id, t.customer_id, t.ordered_at, t.updated_at, t.received_at,
  t.product_id, coalesce(t.product_name, rp.product_name) as product_name, coalesce(t.category, rp.category) as category, t.quantity, t.unit_price,
  t.amount, t.currency, t.order_status, t.region, t.session_id, t.ip, t.updates, t.is_created,
  coalesce(t.given_back, case when t.order_status = 'REFUNDED' then t.amount end, cast(0 as decimal(18,2))) as refunded_amount,
  rc.name as customer_name, rc.segment as customer_segment, rp.supplier
from totals t
left join analytics.ref_customers rc on rc.customer_id = t.customer_id
left join analytics.ref_products rp on rp.product_id = t.product_id
