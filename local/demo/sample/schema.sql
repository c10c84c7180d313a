-- The sample's tables. Made up, in the manner of a parking system; `liberator_every_type` has a column of every type
-- that an RDS snapshot export knows.

CREATE TABLE liberator_zone (
  zone_code CHAR(4) NOT NULL PRIMARY KEY,
  zone_name VARCHAR(80) NOT NULL,
  boundary POLYGON NOT NULL,
  max_stay TIME NOT NULL,
  hourly_rate DECIMAL(5,2) NOT NULL,
  controlled_days SET('mon','tue','wed','thu','fri','sat','sun') NOT NULL DEFAULT 'mon,tue,wed,thu,fri'
) COMMENT 'controlled parking zones; "CPZ"';

CREATE TABLE liberator_street (
  usrn INT UNSIGNED NOT NULL PRIMARY KEY,
  street_name VARCHAR(120) NOT NULL,
  zone_code CHAR(4) NOT NULL,
  centre POINT NOT NULL,
  bays SMALLINT UNSIGNED NOT NULL DEFAULT 0,
  KEY zone (zone_code),
  CONSTRAINT street_in_zone FOREIGN KEY (zone_code) REFERENCES liberator_zone (zone_code)
);

CREATE TABLE liberator_officer (
  officer_id MEDIUMINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  badge CHAR(6) NOT NULL UNIQUE,
  officer_name VARCHAR(100) NOT NULL,
  joined_on DATE NULL,
  active TINYINT(1) NOT NULL DEFAULT 1,
  permissions BIT(12) NOT NULL DEFAULT b'0'
);

CREATE TABLE liberator_permit_llpg (
  uprn BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  usrn INT UNSIGNED NOT NULL,
  address_1 VARCHAR(120) NOT NULL,
  address_2 VARCHAR(120) NULL,
  postcode CHAR(8) NOT NULL,
  easting DOUBLE NOT NULL,
  northing DOUBLE NOT NULL,
  record_modified TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  KEY street (usrn)
);

CREATE TABLE liberator_vehicle (
  vehicle_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  vrm VARCHAR(10) NOT NULL,
  make ENUM('FORD','VAUXHALL','BMW','TOYOTA','TESLA','O''HARE & SONS') NULL,
  co2_g_per_km SMALLINT NULL,
  engine_litres FLOAT NULL,
  first_registered YEAR NULL,
  KEY vrm (vrm)
);

CREATE TABLE liberator_permit_fta (
  permit_reference VARCHAR(16) NOT NULL PRIMARY KEY,
  uprn BIGINT UNSIGNED NULL,
  vehicle_id INT NULL,
  permit_type ENUM('resident','business','visitor','dispensation') NOT NULL,
  start_date DATE NOT NULL,
  end_date DATE NOT NULL,
  amount DECIMAL(10,2) NOT NULL,
  vat DECIMAL(10,2) GENERATED ALWAYS AS (ROUND(amount / 6, 2)) STORED,
  days_valid INT GENERATED ALWAYS AS (TO_DAYS(end_date) - TO_DAYS(start_date)) VIRTUAL,
  application JSON NULL,
  created_at DATETIME NOT NULL,
  KEY uprn (uprn)
);

CREATE TABLE liberator_voucher (
  voucher_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  book_reference VARCHAR(20) NOT NULL,
  zone_code CHAR(4) NOT NULL,
  hours TINYINT UNSIGNED NOT NULL,
  activated_at DATETIME(3) NULL,
  price DECIMAL(6,2) NOT NULL
);

CREATE TABLE liberator_pcn_fd_all (
  pcn VARCHAR(12) NOT NULL PRIMARY KEY,
  vrm VARCHAR(10) NOT NULL,
  contravention_code CHAR(3) NOT NULL,
  usrn INT UNSIGNED NULL,
  officer_id MEDIUMINT UNSIGNED NULL,
  issued_at DATETIME(6) NOT NULL,
  served_on DATE NULL,
  charge DECIMAL(8,2) NOT NULL,
  foreign_vehicle TINYINT(1) NOT NULL DEFAULT 0,
  location_note VARCHAR(255) NULL,
  KEY vrm (vrm)
);

CREATE TABLE liberator_pcn_payment (
  payment_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  pcn VARCHAR(12) NOT NULL,
  paid_at TIMESTAMP(6) NULL DEFAULT NULL,
  amount DECIMAL(12,4) NOT NULL,
  method ENUM('card','cheque','phone','cash') NOT NULL,
  KEY pcn (pcn)
);

CREATE TABLE liberator_pcn_audit (
  audit_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  pcn VARCHAR(12) NULL,
  event VARCHAR(60) NOT NULL,
  detail TEXT NULL,
  happened_at DATETIME NOT NULL
);

CREATE TABLE liberator_pcn_appeal (
  appeal_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  pcn VARCHAR(12) NOT NULL,
  received_on DATE NOT NULL,
  grounds MEDIUMTEXT NULL,
  outcome ENUM('accepted','rejected','withdrawn') NULL
);

CREATE TABLE liberator_case (
  case_reference BINARY(16) NOT NULL PRIMARY KEY,
  pcn VARCHAR(12) NULL,
  opened_at DATETIME NOT NULL,
  closed_at DATETIME NULL,
  balance DECIMAL(18,6) NOT NULL DEFAULT 0,
  notes LONGTEXT NULL
);

CREATE TABLE liberator_attachment (
  attachment_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  pcn VARCHAR(12) NULL,
  file_name VARCHAR(200) CHARACTER SET latin1 NOT NULL,
  sha256 VARBINARY(32) NOT NULL,
  thumbnail BLOB NULL,
  content LONGBLOB NULL
);

CREATE TABLE liberator_every_type (
  id INT NOT NULL PRIMARY KEY,
  t_tinyint TINYINT, t_tinyint_unsigned TINYINT UNSIGNED, t_bool TINYINT(1),
  t_smallint SMALLINT, t_smallint_unsigned SMALLINT UNSIGNED,
  t_mediumint MEDIUMINT, t_mediumint_unsigned MEDIUMINT UNSIGNED,
  t_int INT, t_int_unsigned INT UNSIGNED, t_int_zerofill INT(8) UNSIGNED ZEROFILL,
  t_bigint BIGINT, t_bigint_unsigned BIGINT UNSIGNED,
  t_decimal_9 DECIMAL(9,2), t_decimal_18 DECIMAL(18,4), t_decimal_38 DECIMAL(38,10), t_decimal_65 DECIMAL(65,30),
  t_numeric_unsigned NUMERIC(5,0) UNSIGNED,
  t_float FLOAT, t_double DOUBLE,
  t_bit_1 BIT(1), t_bit_64 BIT(64),
  t_char CHAR(10), t_binary BINARY(8), t_varbinary VARBINARY(255),
  t_tinyblob TINYBLOB, t_blob BLOB, t_mediumblob MEDIUMBLOB, t_longblob LONGBLOB,
  t_varchar VARCHAR(255), t_varchar_latin1 VARCHAR(80) CHARACTER SET latin1,
  t_tinytext TINYTEXT, t_text TEXT, t_mediumtext MEDIUMTEXT, t_longtext LONGTEXT,
  t_enum ENUM('a','b;c','it''s','"quoted"'), t_set SET('one','two','three'), t_json JSON,
  t_date DATE, t_time TIME, t_time_6 TIME(6), t_year YEAR,
  t_datetime DATETIME, t_datetime_6 DATETIME(6), t_timestamp TIMESTAMP NULL DEFAULT NULL,
  t_timestamp_6 TIMESTAMP(6) NULL DEFAULT NULL,
  t_geometry GEOMETRY, t_point POINT, t_linestring LINESTRING, t_polygon POLYGON, t_multipoint MULTIPOINT,
  t_multilinestring MULTILINESTRING, t_multipolygon MULTIPOLYGON, t_geometrycollection GEOMETRYCOLLECTION,
  t_generated_stored BIGINT GENERATED ALWAYS AS (id * 2) STORED,
  t_generated_virtual VARCHAR(20) GENERATED ALWAYS AS (CONCAT('row ', id)) VIRTUAL,
  `order` INT COMMENT 'a reserved word; with a semicolon and a -- dash'
);

CREATE TABLE liberator_suspension_archive (
  suspension_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  reason VARCHAR(200) NULL,
  lifted_at DATETIME NULL
) COMMENT 'always empty';
