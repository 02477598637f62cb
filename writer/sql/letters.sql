-- Question: which lines of a batch become dead letters?
-- Input:    the table of parse.sql, duplicates marked; {{which}} the rows. Duplicates by derived ids are listed with their bytes, by letters.ts.
-- Result:   reason, error, payload (NULL for duplicates), event_id, lane, log_offset, received_at.
SELECT coalesce(_reason, 'duplicate'), coalesce(_error, CASE WHEN _reason IS NULL THEN 'an event with this event_id is in the table already' END),
  encode(_raw), event_id, _lane, log_offset, received_at
FROM {{table}}
WHERE {{which}}
