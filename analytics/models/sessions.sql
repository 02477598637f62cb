-- Question:  When did each session begin and end, what brought it, how far did it get and what did it earn?
-- Reads:     firn.events by session_id
--            analytics.orders by session_id
--            analytics.ref_rates
-- Unit:      key session_id
-- Time:      started_at
-- Key:       session_id
-- Partition: day(started_at)
-- Sort:      session_id
-- Needs:     firn.events where session_id is not null
-- Owner:     web
-- Columns:
--   session_id      string         The visit.
--   started_at      timestamptz    Its first event.
--   ended_at        timestamptz    Its last event so far.
--   seconds         decimal(18,3)  From the first to the last event, in whole milliseconds.
--   events          long           All its events.
--   pages           long           Pages shown: page_view, product_view and search.
--   product_views   long           Products looked at.
--   carts           long           Times that something was put into the cart.
--   checkouts       long           Times that the checkout was opened.
--   step            int            The farthest step: 0 none, 1 looked at a product, 2 put one into the cart, 3 opened the checkout, 4 bought.
--   converted       boolean        Whether it bought: a purchase, or an order that was created in it.
--   orders          long           Orders that were created in it and not cancelled since.
--   revenue_usd     decimal(38,2)  What these cost, in USD by rates.csv; those in a currency without rate are not in it.
--   unrated_orders  long           Those of them that are not in revenue_usd: without rate or without amount.
--   user_id         string         The visitor, as the first event that says so.
--   device          string         mobile, desktop, tablet …: of the first event that says so.
--   os              string         Operating system of the same event.
--   browser         string         Browser of the same event.
--   country         string         Country of the first event that has one.
--   source          string         utm_source of the first event with any campaign; null without.
--   medium          string         utm_medium of the same event.
--   campaign        string         utm_campaign of the same event.
--   landing_url     string         Address of the first page.
--   referrer        string         Where the first page was reached from.
with numbered as (
  select e.session_id, e.event_type, e.event_time, e.user_id, e.device.type as device, e.device.os as os, e.device.browser as browser, e.location.country as country,
    e.utm_source, e.utm_medium, e.utm_campaign, e.url, e.referrer,
    row_number() over (partition by e.session_id order by e.event_time, e.received_at, e.log_topic, e.log_partition, e.log_offset) as place
  from firn.events e
  where e.session_id is not null
),
places as (
  select n.session_id,
    min(n.place) filter (where n.user_id is not null) as visitor,
    min(n.place) filter (where n.device is not null) as device,
    min(n.place) filter (where n.country is not null) as country,
    min(n.place) filter (where n.utm_source is not null or n.utm_medium is not null or n.utm_campaign is not null) as campaign,
    min(n.place) filter (where n.url is not null) as page
  from numbered n
  group by n.session_id
),
visits as (
  select n.session_id, min(n.event_time) as started_at, max(n.event_time) as ended_at,
    count(*) as events,
    count(*) filter (where n.event_type in ('page_view', 'product_view', 'search')) as pages,
    count(*) filter (where n.event_type = 'product_view') as product_views,
    count(*) filter (where n.event_type = 'add_to_cart') as carts,
    count(*) filter (where n.event_type = 'checkout_started') as checkouts,
    max(case when n.event_type in ('purchase', 'order_created') then 4 when n.event_type = 'checkout_started' then 3 when n.event_type = 'add_to_cart' then 2 when n.event_type = 'product_view' then 1 else 0 end) as step,
    max(n.user_id) filter (where n.place = p.visitor) as user_id,
    max(n.device) filter (where n.place = p.device) as device,
    max(n.os) filter (where n.place = p.device) as os,
    max(n.browser) filter (where n.place = p.device) as browser,
    max(n.country) filter (where n.place = p.country) as country,
    max(n.utm_source) filter (where n.place = p.campaign) as source,
    max(n.utm_medium) filter (where n.place = p.campaign) as medium,
    max(n.utm_campaign) filter (where n.place = p.campaign) as campaign,
    max(n.url) filter (where n.place = p.page) as landing_url,
    max(n.referrer) filter (where n.place = p.page) as referrer
  from numbered n
  join places p on p.session_id = n.session_id
  group by n.session_id
),
earned as (
  select o.session_id, count(*) as orders,
    cast(sum(cast(o.amount as decimal(20,2)) * r.usd_rate) as decimal(38,2)) as revenue_usd,
    count(*) filter (where o.amount is null or r.usd_rate is null) as unrated_orders
  from analytics.orders o
  left join analytics.ref_rates r on r.currency = o.currency
  where o.is_created and o.order_status <> 'CANCELLED'
  group by o.session_id
)
select v.session_id, v.started_at, v.ended_at,
  cast(date_diff('millisecond', date_trunc('millisecond', v.started_at), date_trunc('millisecond', v.ended_at)) as decimal(18,0)) * cast(0.001 as decimal(4,3)) as seconds,
  v.events, v.pages, v.product_views, v.carts, v.checkouts, v.step, v.step = 4 as converted,
  coalesce(w.orders, 0) as orders, coalesce(w.revenue_usd, cast(0 as decimal(38,2))) as revenue_usd, coalesce(w.unrated_orders, 0) as unrated_orders,
  v.user_id, v.device, v.os, v.browser, v.country, v.source, v.medium, v.campaign, v.landing_url, v.referrer
from visits v
left join earned w on w.session_id = v.session_id
