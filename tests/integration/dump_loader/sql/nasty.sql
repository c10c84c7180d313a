-- A schema with what dumps trip over, of either server. Lines after `-- MySQL:` or `-- MariaDB:` are for that one.
SET NAMES utf8mb4, sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+02:00';

CREATE TABLE `a child` (
  id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, parent INT, self INT UNSIGNED, KEY of_parent (parent), KEY self (self),
  CONSTRAINT `own` FOREIGN KEY (self) REFERENCES `a child` (id) ON DELETE SET NULL
) AUTO_INCREMENT = 77;
CREATE TABLE parent (id INT PRIMARY KEY, UNIQUE KEY `twice;` (id, `name`), `name` VARCHAR(20) DEFAULT 'it''s; "\\`');
ALTER TABLE `a child` ADD CONSTRAINT `of pa``rent` FOREIGN KEY (parent) REFERENCES parent (id) ON UPDATE CASCADE;
INSERT INTO parent VALUES (-1, NULL), (0, ''), (1, DEFAULT), (2, '\0\Z\r\n\t\b%_\\''"`');
INSERT INTO `a child` VALUES (0, 1, 0), (1, -1, NULL), (5, NULL, 0), (4294967295, 2, 5);

CREATE TABLE numbers (
  id BIGINT PRIMARY KEY, t TINYINT, tu TINYINT UNSIGNED, z INT(5) ZEROFILL, bu BIGINT UNSIGNED, d DECIMAL(65,30), f FLOAT, g DOUBLE,
  b BIT(1), bb BIT(33) DEFAULT b'101', y YEAR, ok BOOL NOT NULL DEFAULT FALSE, KEY t (t), KEY several (tu, d, f)
);
INSERT INTO numbers VALUES
  (-9223372036854775808, -128, 0, 42, 18446744073709551615, -99999999999999999999999999999999999.999999999999999999999999999999,
    1e-38, -2.2250738585072014e-308, 0, 0, 0, 0),
  (9223372036854775807, 127, 255, 99999, 0, 0.000000000000000000000000000001, 16777217, 1.7976931348623157e308, 1, ~0 >> 31, 2155, 1),
  (0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, DEFAULT, NULL, DEFAULT), (1, 1, 1, 1, 1, 1.1, 1.1, 1.1, 1, 1, 1901, 7);

CREATE TABLE times (
  id INT PRIMARY KEY, d DATE NOT NULL DEFAULT '0000-00-00', dt DATETIME(6) NOT NULL DEFAULT '0000-00-00 00:00:00',
  ts TIMESTAMP(3) NULL DEFAULT NULL, auto TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, t TIME(6), KEY d (d), KEY ts (ts)
);
INSERT INTO times VALUES
  (1, '0000-00-00', '0000-00-00', '1970-01-01 02:00:01', '2021-06-04 10:00:00', '-838:59:59.000000'),
  (2, '2021-00-00', '2021-06-00 00:00:00', '2038-01-19 05:14:07.999', '2021-10-31 02:30:00', '838:59:59'),
  (3, '9999-12-31', '9999-12-31 23:59:59.999999', NULL, '2021-03-28 03:00:00', '00:00:00.000001'), (4, DEFAULT, DEFAULT, DEFAULT, '2021-01-01', NULL);

CREATE TABLE texts (
  id INT PRIMARY KEY, l CHAR(5) CHARACTER SET latin1, v VARCHAR(30) CHARACTER SET utf8mb3, m TEXT CHARACTER SET utf8mb4,
  u VARCHAR(20) CHARACTER SET ucs2, w TINYTEXT CHARACTER SET utf16, b4 BINARY(4), vb VARBINARY(300), bl BLOB, ml MEDIUMBLOB,
  e ENUM('a', 'it''s', '', 'ü;') CHARACTER SET latin1, s SET('x', 'y''', 'z') NOT NULL DEFAULT 'x,z', KEY m (m(3)), KEY l (l DESC)
);
INSERT INTO texts VALUES
  (1, 'é', 'ünï', '🚲 日本', '日本', '🚲', 'a', x'00FF', x'00010203', UNHEX(REPEAT('00FF0A0D275C22', 9)), 'it''s', 'x,y'''),
  (2, '', '', '', '', '', '', '', '', '', '', ''), (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, DEFAULT),
  (4, ' ', 'a ', '-- ; /* */ # ` '' " \\ \n\r\t\0\Z', 'a;', ';', x'00', '\\''', '\\', ';\n--\n', 'ü;', ''),
  (5, 'NULL', 'NULL', '\\N', 'x', 'x', x'27', ',(', '),(', _binary'\xFF\'\\', 'nothing such', 'nothing such'),
  (6, 'x', 'x', CONCAT('a', REPEAT('it''s; \\', 900)), 'x', 'x', 'x', 'x', REPEAT('\'', 900), 'x', 'a', 'z');

CREATE TABLE computed (
  id INT PRIMARY KEY, v INT AS (id * 2) VIRTUAL, s VARCHAR(20) GENERATED ALWAYS AS (CONCAT('a;', id)) STORED, KEY s (s),
  hidden INT INVISIBLE DEFAULT 3, given VARCHAR(40) DEFAULT (CONCAT('it''s ', 1 + 2)), CONSTRAINT `positive;` CHECK (id >= 0)
);
INSERT INTO computed (id, hidden, given) VALUES (0, DEFAULT, DEFAULT), (1, 7, NULL), (2, NULL, 'x');

CREATE TABLE `we``ird;'na"me` (`sel ect` INT PRIMARY KEY, `größe` INT COMMENT '; -- /* it''s', `key` TEXT, `a.b` JSON) COMMENT = 'a\nb; ''c''';
INSERT INTO `we``ird;'na"me` VALUES (0, 1, 'k', '{"a": [1, 2.50, null, "it''s; \\"q\\" ü"]}'), (2, NULL, '`', NULL), (3, 3, NULL, '[]');
CREATE TABLE `Größe` (`1` INT, `table` INT, KEY `key` (`table`)) DEFAULT CHARSET = latin1;
INSERT INTO `Größe` VALUES (1, 1), (1, 1), (NULL, NULL);
CREATE TABLE `größe_klein` (a VARCHAR(9) CHARACTER SET latin1 DEFAULT 'é') DEFAULT CHARSET = latin1 COLLATE = latin1_german2_ci;
INSERT INTO `größe_klein` VALUES (DEFAULT), ('ß');
CREATE TABLE no_rows (a INT);

CREATE TABLE places (id INT PRIMARY KEY, g GEOMETRY, p POINT NOT NULL, m MULTIPOLYGON, SPATIAL KEY p (p));
INSERT INTO places VALUES (1, ST_GeomFromText('LINESTRING(0 0, 1 1.5)', 0), ST_GeomFromText('POINT(1 -2)', 0), NULL),
  (2, NULL, ST_GeomFromText('POINT(0 0)', 0), ST_GeomFromText('MULTIPOLYGON(((0 0, 0 3, 3 3, 0 0)))', 0));

CREATE TABLE parts (id INT NOT NULL, at DATE NOT NULL, note TEXT, PRIMARY KEY (id, at), KEY at (at))
  PARTITION BY RANGE COLUMNS (at) (PARTITION old VALUES LESS THAN ('2021-01-01'), PARTITION `new;` VALUES LESS THAN (MAXVALUE));
INSERT INTO parts VALUES (1, '2020-01-01', 'x'), (1, '2021-06-04', 'y');
CREATE TABLE hashed (id INT PRIMARY KEY AUTO_INCREMENT, FULLTEXT KEY words (note), note TEXT);
INSERT INTO hashed VALUES (0, 'the quick; brown'), (1, 'fox'), (9, NULL);

CREATE TABLE watched (id INT PRIMARY KEY, note VARCHAR(99), seen INT DEFAULT 0);
CREATE TABLE log (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(99));
INSERT INTO watched VALUES (1, 'before any trigger', 0), (2, 'so it is not seen; ''', 0);
DELIMITER //
CREATE TRIGGER `on wa;tched` BEFORE INSERT ON watched FOR EACH ROW
BEGIN
  -- it's; a comment
  SET NEW.seen = NEW.seen + 1; /* another; */
  INSERT INTO log (note) VALUES ('"; //');
END//
SET sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO'//
CREATE TRIGGER strictly AFTER UPDATE ON watched FOR EACH ROW INSERT INTO log (note) VALUES (OLD.note)//
CREATE FUNCTION `f;` (a INT) RETURNS VARCHAR(20) CHARSET utf8mb4 DETERMINISTIC COMMENT 'it''s' RETURN CONCAT('ü;', a)//
CREATE PROCEDURE p (IN a INT, OUT b INT) MODIFIES SQL DATA
BEGIN
  DECLARE done INT DEFAULT 0;
  again: WHILE a > 0 DO
    INSERT INTO log (note) VALUES (CONCAT(`f;`(a), ';'));
    SET a = a - 1;
  END WHILE again;
  SELECT COUNT(*) INTO b FROM watched;
END//
CREATE EVENT `ev;ent` ON SCHEDULE EVERY 1 DAY STARTS '2021-06-04 03:00:00' ON COMPLETION PRESERVE COMMENT 'x;' DO
BEGIN
  DELETE FROM log WHERE id < 0; -- never; //
END//
DELIMITER ;
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
CREATE VIEW next_view AS SELECT p.id, c.id AS `of view`, 'it''s; ü' AS t FROM parent p LEFT JOIN `a child` c ON c.parent = p.id;
CREATE VIEW a_view_of_the_next AS SELECT `id`, `of view` FROM next_view;

-- MySQL: CREATE TABLE of_mysql (id INT, j JSON, p POINT NOT NULL SRID 4326, c GEOMETRYCOLLECTION, KEY f ((id + 1)), KEY i (id) INVISIBLE, CHECK (id > 0) NOT ENFORCED, SPATIAL KEY (p), t VARCHAR(9) COLLATE utf8mb4_ja_0900_as_cs_ks);
-- MySQL: INSERT INTO of_mysql VALUES (-1, 'null', ST_GeomFromText('POINT(51.5 -0.1)', 4326), ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1))'), 'か');
-- MariaDB: CREATE TABLE of_mariadb (id INT, u UUID, i INET6, KEY i (id) IGNORED, t VARCHAR(9) COLLATE utf8mb4_uca1400_ai_ci, c TEXT COMPRESSED);
-- MariaDB: INSERT INTO of_mariadb VALUES (-1, '123e4567-e89b-12d3-a456-426655440000', '::1', 'x', REPEAT('y', 300));
-- MariaDB: CREATE SEQUENCE numbered START WITH 5 INCREMENT BY 3;
-- MariaDB: DO NEXTVAL(numbered);
