-- check: parking_pcn_ledger
-- depends on: liberator_liberator_pcn_fd_all
-- says: a penalty charge notice is not in the ledger exactly once
SELECT coalesce(p.pcn, l.pcn) AS pcn, count(l.pcn) AS times_in_the_ledger
FROM liberator_liberator_pcn_fd_all AS p
FULL JOIN parking_pcn_ledger AS l ON l.pcn = p.pcn
GROUP BY coalesce(p.pcn, l.pcn)
HAVING count(l.pcn) <> 1
