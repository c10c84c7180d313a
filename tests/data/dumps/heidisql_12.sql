-- --------------------------------------------------------
-- Host:                         127.0.0.1
-- Server version:               8.0.36 - MySQL Community Server - GPL
-- Server OS:                    Win64
-- HeidiSQL Version:             12.8.0.6908
-- --------------------------------------------------------

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8 */;
/*!50503 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;


-- Dumping database structure for liberator
CREATE DATABASE IF NOT EXISTS `liberator` /*!40100 DEFAULT CHARACTER SET utf8mb4 */;
USE `liberator`;

-- Dumping structure for table liberator.pcn
CREATE TABLE IF NOT EXISTS `pcn` (
  `id` int NOT NULL AUTO_INCREMENT,
  `reference` varchar(20) NOT NULL,
  `note` text,
  `street_id` int DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `street_id` (`street_id`),
  CONSTRAINT `pcn_street` FOREIGN KEY (`street_id`) REFERENCES `street` (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4;

-- Dumping data for table liberator.pcn: ~3 rows (approximately)
/*!40000 ALTER TABLE `pcn` DISABLE KEYS */;
INSERT INTO `pcn` (`id`, `reference`, `note`, `street_id`) VALUES
	(1, 'QZ1', 'It\'s; a "note"', 1),
	(2, 'QZ2', 'line\n-- no comment', 1),
	(3, 'QZ3', NULL, NULL);
/*!40000 ALTER TABLE `pcn` ENABLE KEYS */;

-- Dumping structure for table liberator.street
CREATE TABLE IF NOT EXISTS `street` (
  `id` int NOT NULL,
  `name` varchar(50) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Dumping data for table liberator.street: ~2 rows (approximately)
INSERT INTO `street` (`id`, `name`) VALUES
	(1, 'Mare Street East'),
	(2, 'Café Row');

-- Dumping structure for trigger liberator.pcn_reference
SET @OLDTMP_SQL_MODE=@@SQL_MODE, SQL_MODE='STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION';
DELIMITER //
CREATE TRIGGER `pcn_reference` BEFORE INSERT ON `pcn` FOR EACH ROW BEGIN
IF NEW.reference = '' THEN SET NEW.reference = 'QZ'; END IF;
END//
DELIMITER ;
SET SQL_MODE=@OLDTMP_SQL_MODE;

/*!40103 SET TIME_ZONE=IFNULL(@OLD_TIME_ZONE, 'system') */;
/*!40101 SET SQL_MODE=IFNULL(@OLD_SQL_MODE, '') */;
/*!40014 SET FOREIGN_KEY_CHECKS=IFNULL(@OLD_FOREIGN_KEY_CHECKS, 1) */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40111 SET SQL_NOTES=IFNULL(@OLD_SQL_NOTES, 1) */;
