-- target: parking_permits_in_force
-- zone: refined
-- depends on: liberator_liberator_permit_fta, liberator_liberator_permit_llpg, liberator_liberator_street
-- Permits that are in force on the day of the dump, of each zone and type: how many, and what was paid for them.
SELECT
  coalesce(street.zone_code, 'none') AS zone_code,
  permit.permit_type,
  count(*) AS permits,
  count(DISTINCT permit.vehicle_id) AS vehicles,
  sum(permit.amount) AS amount
FROM liberator_liberator_permit_fta AS permit
LEFT JOIN liberator_liberator_permit_llpg AS address ON address.uprn = permit.uprn
LEFT JOIN liberator_liberator_street AS street ON street.usrn = address.usrn
WHERE to_date(permit.import_date, 'yyyyMMdd') BETWEEN permit.start_date AND permit.end_date
GROUP BY coalesce(street.zone_code, 'none'), permit.permit_type
