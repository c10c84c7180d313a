-- target: parking_pcns_by_zone
-- zone: refined
-- depends on: parking_pcn_ledger, liberator_liberator_street, liberator_liberator_zone
-- Notices of each controlled parking zone and month: how many, what they come to, and how much of it is paid.
SELECT
  coalesce(zone.zone_code, 'none') AS zone_code,
  max(zone.zone_name) AS zone_name,
  date_trunc('month', ledger.issued_at) AS month,
  count(*) AS notices,
  count_if(ledger.appeals > 0) AS appealed,
  sum(ledger.charge) AS charged,
  sum(ledger.paid) AS paid
FROM parking_pcn_ledger AS ledger
LEFT JOIN liberator_liberator_street AS street ON street.usrn = ledger.usrn
LEFT JOIN liberator_liberator_zone AS zone ON zone.zone_code = street.zone_code
GROUP BY coalesce(zone.zone_code, 'none'), date_trunc('month', ledger.issued_at)
