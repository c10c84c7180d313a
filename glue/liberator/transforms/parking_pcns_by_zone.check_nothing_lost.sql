-- check: parking_pcns_by_zone
-- depends on: parking_pcn_ledger
-- says: the zones' notices are not as many as the ledger's
SELECT by_zone.notices, ledger.notices AS notices_in_the_ledger
FROM (SELECT coalesce(sum(notices), 0) AS notices FROM parking_pcns_by_zone) AS by_zone
CROSS JOIN (SELECT count(*) AS notices FROM parking_pcn_ledger) AS ledger
WHERE by_zone.notices <> ledger.notices
