-- Question: how do events of types beyond FIRN_EVENT_TYPES_MAX land?
-- Input:    the table of parse.sql, {{types}} the surplus types.
-- Result:   their rows as type `unlisted`, their own type under `properties.$type`.
UPDATE {{table}}
SET properties = add_member(properties, '$type', concat('"', event_type, '"')), event_type = 'unlisted'
WHERE _reason IS NULL AND list_contains({{types}}, event_type)
