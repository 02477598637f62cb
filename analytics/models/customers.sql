-- Question:  Who are the customers, as they last said, and what does the CRM know of them?
-- Reads:     firn.events(customer_created, customer_updated) by customer_id
--            analytics.ref_customers
-- Unit:      key customer_id
-- Time:      created_at
-- Key:       customer_id
-- Partition: month(created_at)
-- Sort:      customer_id
-- Needs:     firn.events(customer_created, customer_updated) where customer_id is not null
-- Owner:     sales
-- Columns:
--   customer_id  string       The customer.
--   name         string       As the customer last said; else as in the CRM.
--   email        string       As the customer last said; else as in the CRM.
--   region       string       As last said with the customer; else where the customer was, else as in the CRM.
--   country      string       Where the customer last was.
--   city         string       Where the customer last was.
--   segment      string       From the CRM; null where it does not know the customer.
--   since        date         Customer since, from the CRM.
--   is_in_crm    boolean      Whether the CRM knows the customer.
--   created_at   timestamptz  The first customer_created, else the first event that was seen.
--   updated_at   timestamptz  The last event.
--   updates      long         How many events changed the customer.
with said as (
  select e.customer_id, e.event_type, e.event_time, e.region, e.location.region as place_region, e.location.country as country, e.location.city as city,
    -- Texts of a JSON object, in words that both engines know.
    replace(replace(nullif(regexp_extract(e.properties, '"name"\s*:\s*"((?:[^"\\]|\\.)*)"', 1), ''), '\"', '"'), '\\', '\') as name,
    nullif(regexp_extract(e.properties, '"email"\s*:\s*"((?:[^"\\]|\\.)*)"', 1), '') as email,
    row_number() over (partition by e.customer_id order by e.event_time, e.received_at, e.log_topic, e.log_partition, e.log_offset) as place
  from firn.events e
  where e.customer_id is not null
),
places as (
  select s.customer_id,
    max(s.place) filter (where s.name is not null) as name,
    max(s.place) filter (where s.email is not null) as email,
    max(s.place) filter (where s.region is not null) as region,
    max(s.place) filter (where s.country is not null or s.city is not null or s.place_region is not null) as location
  from said s
  group by s.customer_id
),
latest as (
  select s.customer_id,
    coalesce(min(s.event_time) filter (where s.event_type = 'customer_created'), min(s.event_time)) as created_at,
    max(s.event_time) as updated_at,
    count(*) filter (where s.event_type = 'customer_updated') as updates,
    max(s.name) filter (where s.place = p.name) as name,
    max(s.email) filter (where s.place = p.email) as email,
    max(s.region) filter (where s.place = p.region) as region,
    max(s.place_region) filter (where s.place = p.location) as place_region,
    max(s.country) filter (where s.place = p.location) as country,
    max(s.city) filter (where s.place = p.location) as city
  from said s
  join places p on p.customer_id = s.customer_id
  group by s.customer_id
)
select l.customer_id, coalesce(l.name, rc.name) as name, coalesce(l.email, rc.email) as email, coalesce(l.region, l.place_region, rc.region) as region,
  l.country, l.city, rc.segment, rc.since, rc.customer_id is not null as is_in_crm, l.created_at, l.updated_at, l.updates
from latest l
left join analytics.ref_customers rc on rc.customer_id = l.customer_id
