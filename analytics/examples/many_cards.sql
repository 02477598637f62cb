-- Question: Which addresses used many cards?
-- Result:   one row per address with three cards or more.
select ip, count(distinct card_fingerprint) as cards, count(*) as attempts, min(event_time) as first_seen, max(event_time) as last_seen
from firn.events
where card_fingerprint is not null and ip is not null
group by ip
having count(distinct card_fingerprint) >= 3
order by cards desc, ip
