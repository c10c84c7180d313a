-- Statements are separated by lines of `;;`.
CREATE VIEW liberator_pcn_unpaid AS
SELECT f.pcn, f.vrm, f.charge - COALESCE(SUM(p.amount), 0) AS owed
FROM liberator_pcn_fd_all f LEFT JOIN liberator_pcn_payment p USING (pcn)
GROUP BY f.pcn, f.vrm, f.charge HAVING owed > 0
;;
CREATE FUNCTION liberator_discounted(charge DECIMAL(8,2), days INT) RETURNS DECIMAL(8,2) DETERMINISTIC
BEGIN
  -- half within a fortnight; 'as advertised'
  IF days <= 14 THEN RETURN charge / 2; END IF;
  RETURN charge;
END
;;
CREATE PROCEDURE liberator_close_case(IN reference BINARY(16))
BEGIN
  DECLARE separator_text VARCHAR(10) DEFAULT ';;';
  UPDATE liberator_case SET closed_at = NOW(), notes = CONCAT(COALESCE(notes, ''), separator_text, 'closed')
  WHERE case_reference = reference AND closed_at IS NULL;
END
;;
CREATE TRIGGER liberator_pcn_issued AFTER INSERT ON liberator_pcn_fd_all FOR EACH ROW
BEGIN
  IF NEW.charge > 0 THEN
    INSERT INTO liberator_pcn_audit (pcn, event, detail, happened_at)
    VALUES (NEW.pcn, 'issued', CONCAT('by trigger; charge ', NEW.charge), NEW.issued_at);
  END IF;
END
