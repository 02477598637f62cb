-- Question: what does the data file of one partition hold?
-- Input:    the table of parse.sql, duplicates marked; {{columns}} in the order of the table's schema.
-- Result:   the rows of one event type and one day in UTC, by time, as the table is sorted.
SELECT {{columns}}
FROM {{table}}
WHERE event_type = {{event_type}} AND _row_date = DATE '1970-01-01' + {{days}}::INTEGER AND _reason IS NULL AND NOT _duplicate
