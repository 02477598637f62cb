-- Question: which partitions do the rows of a batch fall in, and how many lines are no events?
-- Input:    the table of parse.sql.
-- Result:   (event_type, days since 1970, NULL, rows) for rows; (NULL, NULL, did it come through the gateway?, rows) for the others.
SELECT CASE WHEN _reason IS NULL THEN event_type END, CASE WHEN _reason IS NULL THEN (_row_date - DATE '1970-01-01')::INTEGER END,
  CASE WHEN _reason IS NOT NULL THEN _origin BETWEEN 1 AND 2 END, count(*)::INTEGER
FROM {{table}}
GROUP BY ALL
ORDER BY ALL
