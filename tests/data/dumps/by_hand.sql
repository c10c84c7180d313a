CREATE DATABASE IF NOT EXISTS liberator;
USE liberator;

CREATE TABLE street (id INT PRIMARY KEY, name VARCHAR(50)) DEFAULT CHARSET=utf8mb4;
INSERT INTO street VALUES (1, 'Mare Street East');
INSERT INTO street VALUES (2, 'Café Row');

SET @first = 1;
CREATE TABLE pcn (id INT AUTO_INCREMENT PRIMARY KEY, reference VARCHAR(20) NOT NULL, note TEXT, street_id INT REFERENCES street (id));
START TRANSACTION;
INSERT INTO pcn (reference, note, street_id) VALUES ('QZ1', 'It''s; a "note"', @first);
SET @last = @@identity;
INSERT INTO pcn VALUES (@last + 1, 'QZ2', 'line\n-- no comment', 1);
COMMIT;
START TRANSACTION;
INSERT INTO pcn VALUES (3, 'QZ3', NULL, NULL);
COMMIT;
