-- --------------------------------------------------------
-- Host:                         localhost
-- Server version:               5.7.24 - MySQL Community Server (GPL)
-- Server OS:                    Win64
-- HeidiSQL Version:             9.5.0.5332
-- --------------------------------------------------------

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8 */;
/*!50503 SET NAMES utf8mb4 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;


-- Dumping structure for table liberator.pcn
DROP TABLE IF EXISTS `pcn`;
CREATE TABLE IF NOT EXISTS `pcn` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `reference` varchar(20) NOT NULL,
  `note` text,
  `street_id` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4;

-- Dumping data for table liberator.pcn: ~3 rows (approximately)
/*!40000 ALTER TABLE `pcn` DISABLE KEYS */;
INSERT INTO `pcn` (`id`, `reference`, `note`, `street_id`) VALUES
	(1, 'QZ1', 'It\'s; a "note"', 1),
	(2, 'QZ2', 'line\r\n-- no comment', 1),
	(3, 'QZ3', NULL, NULL);
/*!40000 ALTER TABLE `pcn` ENABLE KEYS */;

-- Dumping structure for table liberator.street
DROP TABLE IF EXISTS `street`;
CREATE TABLE IF NOT EXISTS `street` (
  `id` int(11) NOT NULL,
  `name` varchar(50) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Dumping data for table liberator.street: ~2 rows (approximately)
/*!40000 ALTER TABLE `street` DISABLE KEYS */;
INSERT INTO `street` (`id`, `name`) VALUES
	(1, 'Mare Street East'),
	(2, 'Café Row');
/*!40000 ALTER TABLE `street` ENABLE KEYS */;

/*!40101 SET SQL_MODE=IFNULL(@OLD_SQL_MODE, '') */;
/*!40014 SET FOREIGN_KEY_CHECKS=IF(@OLD_FOREIGN_KEY_CHECKS IS NULL, 1, @OLD_FOREIGN_KEY_CHECKS) */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
