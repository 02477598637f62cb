-- Question:   How good were the events of a day, type by type, and is the day complete?
-- Result:     one row per event type, "(all)" first; the fields that were missing are those of its worst hour.
-- Parameters: day date
with hours as (
  select q.event_type, q.rows, q.missing, q.missing_fields, q.duplicates, q.late, q.outliers, q.dead_letters,
    row_number() over (partition by q.event_type order by q.missing desc, q.hour) as place
  from analytics.data_quality q
  where q.hour >= cast({{day}} as timestamp with time zone) and q.hour < cast({{day}} as timestamp with time zone) + interval '1' day
),
types as (
  select h.event_type, sum(h.rows) as rows, sum(h.missing) as missing, max(h.missing_fields) filter (where h.place = 1) as missing_fields,
    sum(h.duplicates) as duplicates, sum(h.late) as late, sum(h.outliers) as outliers, sum(h.dead_letters) as dead_letters
  from hours h
  group by h.event_type
)
select t.event_type, t.rows, t.missing, t.missing_fields, t.duplicates, t.late, t.outliers, t.dead_letters, c.watermark, c.is_sealed, c.late_rows
from types t
left join analytics.completeness c on c.event_type = t.event_type and c.day = {{day}}
order by case when t.event_type = '(all)' then 0 else 1 end, t.event_type
