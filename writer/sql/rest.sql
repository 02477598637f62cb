-- Question: what does the data file hold that the small partitions of a batch share?
-- Input:    the table of parse.sql, duplicates marked; {{columns}} in the order of the table's schema; {{others}} what has a file of its own.
-- Result:   the other rows, by event type and time.
SELECT {{columns}}
FROM {{table}}
WHERE NOT ({{others}}) AND _reason IS NULL AND NOT _duplicate
