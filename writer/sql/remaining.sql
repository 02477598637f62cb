-- Question: which partitions have rows that will be written?
-- Input:    the table of parse.sql, duplicates marked.
-- Result:   (event_type, days since 1970, rows).
SELECT event_type, (_row_date - DATE '1970-01-01')::INTEGER, count(*)::INTEGER
FROM {{table}}
WHERE _reason IS NULL AND NOT _duplicate
GROUP BY ALL
ORDER BY ALL
