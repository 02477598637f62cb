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
-- Owner:     sales
-- Columns:
--   order_id          string         The order.
--   customer_id       string         Who ordered.
--   ordered_at        timestamptz    When it was ordered: the first order_created, else the first event that was seen of it.
--   updated_at        timestamptz    When it last changed.
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
with said as (
  select e.order_id, e.event_id, e.event_type, e.event_time, e.received_at, e.customer_id, e.user_id, e.session_id, e.ip, e.region,
    e.product_id, e.product_name, e.category, e.quantity, e.unit_price, e.amount, e.currency, e.log_topic, e.log_partition, e.log_offset,
    case
      when e.event_type = 'order_item_added' then null
      when e.order_status is not null then e.order_status
      when e.event_type = 'order_created' then 'NEW'
      when e.event_type = 'order_cancelled' then 'CANCELLED'
      when e.event_type = 'order_returned' then 'RETURNED'
    end as status
  from firn.events e
  where e.order_id is not null and e.event_type <> 'payment_refunded'
),
-- Of one instant the life of an order decides: what ends it comes behind what began it, wherever both lie in the log.
numbered as (
  select s.*, cast(s.quantity as decimal(20,0)) * s.unit_price as worth,
    row_number() over (
      partition by s.order_id
      order by s.event_time, s.received_at,
        case
          when s.status in ('RETURNED', 'REFUNDED') then 5
          when s.status = 'CANCELLED' then 4
          when s.status = 'COMPLETED' then 3
          when s.event_type = 'order_created' then 0
          when s.event_type = 'order_item_added' then 1
          else 2
        end,
        s.log_topic, s.log_partition, s.log_offset
    ) as place
  from said s
),
-- Positions that were added to the first one. order_items lists them by the same rule.
lines as (
  select l.order_id, l.product_id, l.quantity, l.unit_price, l.worth, l.place,
    row_number() over (partition by l.order_id, l.product_id order by l.place) as of_product
  from (
    select n.*, row_number() over (partition by n.order_id, n.event_id order by n.place) as repetition
    from numbered n
    where n.event_type = 'order_item_added' and n.product_id is not null
  ) l
  where l.event_id is null or l.repetition = 1
),
added_products as (
  select l.order_id, l.product_id, l.place, l.quantity, l.unit_price, l.worth
  from lines l
  where l.of_product = 1
),
added_lines as (
  select l.order_id, l.product_id, l.quantity, l.unit_price
  from lines l
  group by l.order_id, l.product_id, l.quantity, l.unit_price
),
-- What an order_cancelled or order_returned says of products and money is about what goes back, not about the order; unless
-- nothing else ever said it. An update that names an added product is about that, but for an amount that is not just its own.
told as (
  select n.*,
    case
      when n.event_type = 'order_created' then 1
      when n.event_type = 'order_updated' and a.product_id is null then 1
      when n.event_type in ('order_cancelled', 'order_returned') then 0
    end as rank
  from numbered n
  left join added_products a on a.order_id = n.order_id and a.product_id = n.product_id
),
changes as (
  select a.order_id, a.product_id,
    max(t.place) filter (where t.quantity is not null) as quantity,
    max(t.place) filter (where t.unit_price is not null) as unit_price
  from added_products a
  join told t on t.order_id = a.order_id and t.product_id = a.product_id and t.event_type = 'order_updated' and t.place > a.place
  group by a.order_id, a.product_id
),
changed as (
  select c.order_id, greatest(coalesce(c.quantity, 0), coalesce(c.unit_price, 0)) as place,
    cast(coalesce(q.quantity, a.quantity) as decimal(20,0)) * coalesce(u.unit_price, a.unit_price) - a.worth as difference
  from changes c
  join added_products a on a.order_id = c.order_id and a.product_id = c.product_id
  left join told q on q.order_id = c.order_id and q.place = c.quantity
  left join told u on u.order_id = c.order_id and u.place = c.unit_price
),
-- An update names only what changed, so each field has its own latest event: its place.
places as (
  select t.order_id,
    min(t.place) as first,
    max(t.place) filter (where t.event_type = 'order_created') as created,
    max(t.place) filter (where t.status is not null) as status,
    max(t.place) filter (where t.customer_id is not null) as customer,
    max(t.place) filter (where t.region is not null) as region,
    coalesce(max(t.place) filter (where t.rank = 1 and t.product_id is not null), max(t.place) filter (where t.rank = 0 and t.product_id is not null)) as product,
    coalesce(
      max(t.place) filter (where t.amount is not null and (t.rank = 1 or t.rank is null and t.amount is distinct from t.worth)),
      max(t.place) filter (where t.rank = 0 and t.amount is not null)
    ) as amount,
    max(case when t.amount is not null or t.event_type = 'order_created' then 1 else 0 end) as is_created
  from told t
  where t.rank is not null or t.event_type = 'order_updated'
  group by t.order_id
),
-- Pieces and price belong to the product that the first position has now: where an event names it, or names none after it came.
current as (
  select t.order_id, t.rank, t.place, t.product_id, t.product_name, t.category, t.quantity, t.unit_price, p.product,
    max(case when t.place = p.product then t.product_id end) over (partition by t.order_id) as own_id
  from told t
  join places p on p.order_id = t.order_id
),
own as (
  select c.*, min(case when c.product_id = c.own_id then c.place end) over (partition by c.order_id) as began
  from current c
),
details as (
  select o.order_id,
    max(o.place) filter (where o.product_name is not null) as product_name,
    max(o.place) filter (where o.category is not null) as category,
    max(o.place) filter (where o.quantity is not null) as quantity,
    max(o.place) filter (where o.unit_price is not null) as unit_price
  from own o
  where o.place = o.product or o.rank = 1 and (o.product_id = o.own_id or o.product_id is null and o.place > o.began)
  group by o.order_id
),
latest as (
  select t.order_id,
    coalesce(min(t.event_time) filter (where t.event_type = 'order_created'), min(t.event_time)) as ordered_at,
    max(t.event_time) as updated_at,
    max(t.received_at) as received_at,
    count(*) filter (where t.event_type <> 'order_created') as updates,
    max(p.is_created) = 1 as is_created,
    coalesce(max(t.customer_id) filter (where t.place = p.customer), max(t.user_id) filter (where t.place = coalesce(p.created, p.first))) as customer_id,
    max(t.session_id) filter (where t.place = coalesce(p.created, p.first)) as session_id,
    max(t.ip) filter (where t.place = coalesce(p.created, p.first)) as ip,
    coalesce(max(t.status) filter (where t.place = p.status), 'NEW') as order_status,
    max(t.region) filter (where t.place = p.region) as region,
    max(t.product_id) filter (where t.place = p.product) as product_id,
    max(t.product_name) filter (where t.place = d.product_name) as product_name,
    max(t.category) filter (where t.place = d.category) as category,
    max(t.quantity) filter (where t.place = d.quantity) as quantity,
    max(t.unit_price) filter (where t.place = d.unit_price) as unit_price,
    max(t.amount) filter (where t.place = p.amount) as said_amount,
    max(t.worth) filter (where t.place = p.amount) as said_worth,
    coalesce(max(nullif(t.currency, 'USD')) filter (where t.place = p.amount), max(t.currency) filter (where t.place = p.created), max(t.currency) filter (where t.place = p.amount)) as currency
  from told t
  join places p on p.order_id = t.order_id
  left join details d on d.order_id = t.order_id
  where t.event_type <> 'order_item_added'
  group by t.order_id
),
added as (
  select l.order_id, sum(l.worth) as worth
  from lines l
  group by l.order_id
),
differences as (
  select c.order_id, sum(c.difference) as worth, sum(c.difference) filter (where c.place > p.amount) as since_said
  from changed c
  join places p on p.order_id = c.order_id
  group by c.order_id
),
valued as (
  select l.*, cast(l.quantity as decimal(20,0)) * l.unit_price as worth,
    coalesce(a.worth, cast(0 as decimal(38,2))) + coalesce(d.worth, cast(0 as decimal(38,2))) as added_worth,
    coalesce(d.since_said, cast(0 as decimal(38,2))) as added_since,
    -- The first position may be listed among the added ones once more.
    i.order_id is not null as is_listed
  from latest l
  left join added a on a.order_id = l.order_id
  left join differences d on d.order_id = l.order_id
  left join added_lines i on i.order_id = l.order_id and i.product_id = l.product_id and i.quantity = l.quantity and i.unit_price = l.unit_price
),
totals as (
  select v.*,
    coalesce(try_cast(
      case
        -- The amount that the writer puts where none was sent: it is the first position's and no more.
        when v.said_amount = v.said_worth and v.is_listed then v.added_worth
        when v.said_amount = v.said_worth then coalesce(v.worth, cast(v.said_amount as decimal(38,2))) + v.added_worth
        else cast(v.said_amount as decimal(38,2)) + coalesce(v.worth - v.said_worth, cast(0 as decimal(38,2))) + v.added_since
      end as decimal(18,2)), v.said_amount) as amount
  from valued v
),
refunds as (
  select r.order_id, r.amount, r.currency,
    -- One and the same event counts once, however often it was read from the log.
    case when r.event_id is null then 1 else row_number() over (partition by r.order_id, r.event_id order by r.event_time, r.received_at, r.log_topic, r.log_partition, r.log_offset) end as repetition
  from firn.events r
  where r.order_id is not null and r.event_type = 'payment_refunded' and r.amount is not null
),
given_back as (
  select t.order_id,
    try_cast(sum(case
      when r.currency is null or r.currency = t.currency then cast(r.amount as decimal(38,2))
      else coalesce(try_cast(round(cast(r.amount as double) * cast(theirs.usd_rate as double) / nullif(cast(ours.usd_rate as double), 0e0), 2) as decimal(38,2)), cast(0 as decimal(38,2)))
    end) as decimal(18,2)) as amount
  from totals t
  join refunds r on r.order_id = t.order_id and r.repetition = 1
  left join analytics.ref_rates theirs on theirs.currency = r.currency
  left join analytics.ref_rates ours on ours.currency = t.currency
  group by t.order_id
)
select t.order_id, t.customer_id, t.ordered_at, t.updated_at, t.received_at,
  t.product_id, coalesce(t.product_name, rp.product_name) as product_name, coalesce(t.category, rp.category) as category, t.quantity, t.unit_price,
  t.amount, t.currency, t.order_status, t.region, t.session_id, t.ip, t.updates, t.is_created,
  coalesce(g.amount, case when t.order_status = 'REFUNDED' then t.amount end, cast(0 as decimal(18,2))) as refunded_amount,
  rc.name as customer_name, rc.segment as customer_segment, rp.supplier
from totals t
left join given_back g on g.order_id = t.order_id
left join analytics.ref_customers rc on rc.customer_id = t.customer_id
left join analytics.ref_products rp on rp.product_id = t.product_id
