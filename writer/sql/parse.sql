-- Question: what do the framed records of a batch say, and which of them are no events?
-- Input:    {{files}} lines of eight fields between unit separators, as framer.ts writes them.
-- Result:   table {{table}}: typed columns; `_reason` and `_error` for what cannot be a row, with `_raw`, its text;
--           `_h` the salted hash of event_id; `_row_date` the day in UTC. Nothing is dropped, one row a line.
--           Sorted as the data files will be: a partition is one run of rows, so that writing its file reads nothing else.
CREATE OR REPLACE TABLE {{table}} AS
SELECT * EXCLUDE (_raw, _e, _extra, _parsed, _untypable, _missing, _received_us), CASE WHEN _reason IS NOT NULL THEN coalesce(_raw, '') END AS _raw, false AS _duplicate
FROM (
  SELECT *,
    CASE
      WHEN NOT _parsed THEN 'WRITER_RECORD_NOT_JSON'
      WHEN event_id IS NULL OR event_type IS NULL OR event_time IS NULL THEN 'WRITER_RECORD_NOT_AN_EVENT'
      WHEN _origin BETWEEN 1 AND 2 AND (event_time > make_timestamptz({{latest_us}})
          OR event_time < make_timestamptz(CASE WHEN _origin = 1 THEN _received_us - {{age_us}} ELSE {{year_zero_us}} END))
        THEN 'EVENT_TIMESTAMP_OUT_OF_WINDOW'
      WHEN length(event_id) NOT BETWEEN 1 AND 128 OR NOT regexp_full_match(event_type, '[a-z][a-z0-9_]{0,63}') THEN 'WRITER_RECORD_NOT_AN_EVENT'
      WHEN _untypable IS NOT NULL THEN 'WRITER_VALUE_UNTYPABLE'
      WHEN _missing IS NOT NULL THEN 'WRITER_FIELD_MISSING'
    END AS _reason,
    CASE WHEN _reason = 'EVENT_TIMESTAMP_OUT_OF_WINDOW' THEN {{out_of_window}} ELSE coalesce(_untypable, _missing) END AS _error,
    md5_number(concat({{salt}}, event_id)) AS _h,
    CAST(event_time AS DATE) AS _row_date
  FROM (
    SELECT *,
      {{untypable}} AS _untypable,
      {{missing}} AS _missing
    FROM (
      SELECT
    {{columns}},
        _e IS NOT NULL AS _parsed, _e, _extra,
        make_timestamptz(_received_us) AS received_at, ip, user_agent,
        _lane, CAST({{starts}} AS BIGINT[])[_lane + 1] + _delta AS log_offset, _delta, _origin, _received_us, _value AS _raw
      FROM (
        SELECT *, TRY(from_json(_value, {{structure}})) AS _e
        FROM read_csv({{files}}, delim = chr(31), quote = '', escape = '', comment = '', header = false, auto_detect = false,
          new_line = '\n', max_line_size = {{line_bytes}}, buffer_size = {{buffer_bytes}},
          columns = {_delta: 'BIGINT', _lane: 'USMALLINT', _received_us: 'BIGINT', ip: 'VARCHAR', user_agent: 'VARCHAR', _origin: 'UTINYINT', _extra: 'VARCHAR', _value: 'VARCHAR'})
      )
    )
  )
)
ORDER BY event_type, _row_date, event_time
