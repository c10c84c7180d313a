-- check: parking_permits_in_force
-- says: more vehicles than permits, or a permit that took money from nobody
SELECT * FROM parking_permits_in_force WHERE vehicles > permits OR amount < 0
