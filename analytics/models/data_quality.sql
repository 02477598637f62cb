-- Question:  How good are the rows of each event type, hour by hour: missing fields, duplicates, late rows, outliers, dead letters, refusals?
-- Reads:     firn.events by event_time
--            firn.dead_letters by received_at
--            analytics.ref_refused_events by hour
-- Unit:      hour
-- Time:      hour
-- Key:       hour, event_type
-- Partition: day(hour)
-- Sort:      hour, event_type
-- Owner:     data
-- Columns:
--   hour              timestamptz  The hour in which the events happened, in UTC; dead letters and dropped duplicates count in the hour in which they arrived.
--   event_type        string       The type; "(all)" for all together, and for dead letters and dropped duplicates whose type cannot be told.
--   rows              long         Rows of firn.events.
--   missing           long         Rows that lack a field that their type should have.
--   missing_fields    string       Which fields these are, each with its number of rows; null when none is missing.
--   duplicates        long         Dropped duplicates, and rows whose event_id another row of the same type and hour has.
--   late              long         Rows that arrived more than 10 minutes after they happened.
--   late_for_the_day  long         Rows that arrived more than an hour after the end of their day, when it was sealed.
--   outliers          long         Rows whose amount, or without one unit_price, is far from the median of its type, hour and currency: a robust z-score above 3.5, among 20 rows or more.
--   dead_letters      long         Records that could not become rows, duplicates aside.
--   refused           long         Events that the gateways refused in the hour, with "(all)" alone: what was refused has no type. A body that could not be read counts as one.
--   refused_mostly    string       The code for which most of them were refused; null when none was refused.
--   first_event_at    timestamptz  The first event of the hour.
--   last_event_at     timestamptz  The last event of the hour.
--   last_received_at  timestamptz  When the last of these rows arrived.
with seen as (
  select date_trunc('hour', e.event_time) as hour, e.event_type, e.event_id, e.event_time, e.received_at, coalesce(e.amount, e.unit_price) as price, coalesce(e.currency, 'XXX') as currency,
    e.session_id is null and e.event_type in ('page_view', 'product_view', 'search', 'add_to_cart', 'remove_from_cart', 'checkout_started', 'purchase') as no_session,
    e.url is null and e.event_type in ('page_view', 'product_view', 'search') as no_url,
    e.product_id is null and e.event_type in ('product_view', 'add_to_cart', 'remove_from_cart', 'order_created', 'order_item_added') as no_product,
    e.quantity is null and e.event_type in ('order_created', 'order_item_added') as no_quantity,
    e.unit_price is null and e.event_type in ('order_created', 'order_item_added') as no_price,
    e.order_id is null and (e.event_type like 'order\_%' escape '\' or e.event_type like 'payment\_%' escape '\') as no_order,
    e.payment_id is null and e.event_type like 'payment\_%' escape '\' as no_payment,
    e.amount is null and (e.event_type = 'order_created' or e.event_type like 'payment\_%' escape '\') as no_amount,
    e.customer_id is null and e.event_type in ('order_created', 'customer_created', 'customer_updated') as no_customer,
    e.region is null and e.event_type = 'order_created' as no_region
  from firn.events e
),
counted as (
  select s.hour, s.event_type, count(*) as row_count,
    count(*) filter (where s.no_session or s.no_url or s.no_product or s.no_quantity or s.no_price or s.no_order or s.no_payment or s.no_amount or s.no_customer or s.no_region) as missing,
    nullif(count(*) filter (where s.no_session), 0) as no_session, nullif(count(*) filter (where s.no_url), 0) as no_url, nullif(count(*) filter (where s.no_product), 0) as no_product,
    nullif(count(*) filter (where s.no_quantity), 0) as no_quantity, nullif(count(*) filter (where s.no_price), 0) as no_price, nullif(count(*) filter (where s.no_order), 0) as no_order,
    nullif(count(*) filter (where s.no_payment), 0) as no_payment, nullif(count(*) filter (where s.no_amount), 0) as no_amount, nullif(count(*) filter (where s.no_customer), 0) as no_customer,
    nullif(count(*) filter (where s.no_region), 0) as no_region,
    count(*) - count(distinct s.event_id) as duplicates,
    count(*) filter (where s.received_at > s.event_time + interval '10' minute) as late,
    count(*) filter (where s.received_at > date_trunc('day', s.hour) + interval '25' hour) as late_for_the_day,
    min(s.event_time) as first_event_at, max(s.event_time) as last_event_at, max(s.received_at) as last_received_at
  from seen s
  group by s.hour, s.event_type
),
-- Robust z-score: 0.6745 * |price - median| / MAD, the median absolute deviation. Over different prices with how often each
-- comes, and medians as sums of the two middle ones, so that nothing is divided and each engine decides alike: twice the
-- median, twice the deviation, four times the MAD.
prices as (
  select s.hour, s.event_type, s.currency, cast(s.price as decimal(24,2)) as price, count(*) as times
  from seen s
  where s.price is not null
  group by s.hour, s.event_type, s.currency, cast(s.price as decimal(24,2))
),
placed as (
  select p.hour, p.event_type, p.currency, p.price, p.times,
    sum(p.times) over (partition by p.hour, p.event_type, p.currency order by p.price rows between unbounded preceding and current row) as place,
    sum(p.times) over (partition by p.hour, p.event_type, p.currency) as size
  from prices p
),
medians as (
  select p.hour, p.event_type, p.currency, max(p.size) as size,
    min(p.price) filter (where p.place * 2 >= p.size) + min(p.price) filter (where p.place * 2 > p.size) as twice_median
  from placed p
  where p.size >= 20
  group by p.hour, p.event_type, p.currency
),
distances as (
  select p.hour, p.event_type, p.currency, abs(p.price + p.price - m.twice_median) as twice_deviation, sum(p.times) as times, max(m.size) as size
  from prices p
  join medians m on m.hour = p.hour and m.event_type = p.event_type and m.currency = p.currency
  group by p.hour, p.event_type, p.currency, abs(p.price + p.price - m.twice_median)
),
deviations as (
  select d.hour, d.event_type, d.currency, d.twice_deviation, d.times, d.size,
    sum(d.times) over (partition by d.hour, d.event_type, d.currency order by d.twice_deviation rows between unbounded preceding and current row) as place
  from distances d
),
spreads as (
  select d.hour, d.event_type, d.currency, min(d.twice_deviation) filter (where d.place * 2 >= d.size) + min(d.twice_deviation) filter (where d.place * 2 > d.size) as four_mads
  from deviations d
  group by d.hour, d.event_type, d.currency
),
far as (
  select d.hour, d.event_type, sum(d.times) as outliers
  from distances d
  join spreads w on w.hour = d.hour and w.event_type = d.event_type and w.currency = d.currency
  -- 0.6745 * (twice / 2) > 3.5 * (four / 4). Where half of the prices are one and the same there is no spread to measure by.
  where w.four_mads > 0 and d.twice_deviation * cast(13490 as decimal(5,0)) > w.four_mads * cast(35000 as decimal(5,0))
  group by d.hour, d.event_type
),
-- A dead letter says its type in its bytes, if at all: the first "event_type":"…" of a type that is declared, compared as hex,
-- since bytes need not be text.
names as (
  select v.event_type, v.hex
  from (values ('page_view', '706167655F76696577'), ('product_view', '70726F647563745F76696577'), ('search', '736561726368'), ('add_to_cart', '6164645F746F5F63617274'), ('remove_from_cart', '72656D6F76655F66726F6D5F63617274'), ('checkout_started', '636865636B6F75745F73746172746564'), ('purchase', '7075726368617365'),
    ('order_created', '6F726465725F63726561746564'), ('order_updated', '6F726465725F75706461746564'), ('order_cancelled', '6F726465725F63616E63656C6C6564'), ('order_returned', '6F726465725F72657475726E6564'), ('order_item_added', '6F726465725F6974656D5F6164646564'),
    ('payment_authorized', '7061796D656E745F617574686F72697A6564'), ('payment_captured', '7061796D656E745F6361707475726564'), ('payment_failed', '7061796D656E745F6661696C6564'), ('payment_refunded', '7061796D656E745F726566756E646564'),
    ('customer_created', '637573746F6D65725F63726561746564'), ('customer_updated', '637573746F6D65725F75706461746564')) v(event_type, hex)
),
letters as (
  select date_trunc('hour', l.received_at) as hour, l.reason = 'duplicate' as is_duplicate, l.event_id,
    regexp_extract(to_hex(l.payload), '226576656E745F7479706522(?:20|09|0A|0D)*3A(?:20|09|0A|0D)*22((?:[0-9A-F][0-9A-F])*?)22', 1) as hex
  from firn.dead_letters l
),
-- Of a dropped duplicate only the id is kept: its type is that of the row with this id, if that lies in the same hour.
twins as (
  select s.hour, s.event_id, min(s.event_type) as event_type
  from seen s
  where s.event_id in (select l.event_id from letters l where l.is_duplicate)
  group by s.hour, s.event_id
),
typed as (
  select l.hour, coalesce(n.event_type, t.event_type) as event_type, l.is_duplicate
  from letters l
  left join names n on n.hex = l.hex
  left join twins t on t.hour = l.hour and t.event_id = l.event_id and l.is_duplicate
),
dead as (
  select y.hour, y.event_type, count(*) filter (where y.is_duplicate) as duplicates, count(*) filter (where not y.is_duplicate) as dead_letters
  from typed y
  group by y.hour, y.event_type
),
types as (
  select coalesce(c.hour, d.hour) as hour, coalesce(c.event_type, d.event_type) as event_type, coalesce(c.row_count, 0) as row_count, coalesce(c.missing, 0) as missing,
    nullif(concat_ws(', ', 'session_id ' || cast(c.no_session as varchar), 'url ' || cast(c.no_url as varchar), 'product_id ' || cast(c.no_product as varchar), 'quantity ' || cast(c.no_quantity as varchar), 'unit_price ' || cast(c.no_price as varchar),
      'order_id ' || cast(c.no_order as varchar), 'payment_id ' || cast(c.no_payment as varchar), 'amount ' || cast(c.no_amount as varchar), 'customer_id ' || cast(c.no_customer as varchar), 'region ' || cast(c.no_region as varchar)), '') as missing_fields,
    coalesce(c.duplicates, 0) + coalesce(d.duplicates, 0) as duplicates, coalesce(c.late, 0) as late, coalesce(c.late_for_the_day, 0) as late_for_the_day, coalesce(f.outliers, 0) as outliers, coalesce(d.dead_letters, 0) as dead_letters,
    c.first_event_at, c.last_event_at, c.last_received_at
  from counted c
  full join dead d on d.hour = c.hour and d.event_type = c.event_type
  left join far f on f.hour = c.hour and f.event_type = c.event_type
),
-- Of all gateways together.
refused_by_code as (
  select r.hour, r.code, cast(sum(r.events) as bigint) as events
  from analytics.ref_refused_events r
  group by r.hour, r.code
),
refused_ranked as (
  select c.hour, c.code, c.events, row_number() over (partition by c.hour order by c.events desc, c.code) as place
  from refused_by_code c
),
refused as (
  select k.hour, cast(sum(k.events) as bigint) as refused, max(k.code) filter (where k.place = 1) as refused_mostly
  from refused_ranked k
  group by k.hour
),
sums as (
  select t.hour, sum(t.row_count) as row_count, sum(t.missing) as missing, sum(t.duplicates) as duplicates, sum(t.late) as late, sum(t.late_for_the_day) as late_for_the_day,
    sum(t.outliers) as outliers, sum(t.dead_letters) as dead_letters, min(t.first_event_at) as first_event_at, max(t.last_event_at) as last_event_at, max(t.last_received_at) as last_received_at
  from types t
  group by t.hour
)
select t.hour, t.event_type, t.row_count as rows, t.missing, t.missing_fields, t.duplicates, t.late, t.late_for_the_day, t.outliers, t.dead_letters, cast(null as bigint) as refused, cast(null as varchar) as refused_mostly, t.first_event_at, t.last_event_at, t.last_received_at
from types t
where t.event_type is not null
union all
select coalesce(s.hour, r.hour) as hour, '(all)' as event_type, coalesce(s.row_count, 0) as rows, coalesce(s.missing, 0) as missing, cast(null as varchar) as missing_fields, coalesce(s.duplicates, 0) as duplicates, coalesce(s.late, 0) as late,
  coalesce(s.late_for_the_day, 0) as late_for_the_day, coalesce(s.outliers, 0) as outliers, coalesce(s.dead_letters, 0) as dead_letters, coalesce(r.refused, 0) as refused, r.refused_mostly, s.first_event_at, s.last_event_at, s.last_received_at
from sums s
full join refused r on r.hour = s.hour
