-- Adminer 4.1.0 MySQL dump

SET NAMES utf8;
SET time_zone = '+00:00';
SET foreign_key_checks = 0;
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';

DROP TABLE IF EXISTS `pcn`;
CREATE TABLE `pcn` (
  `id` int NOT NULL AUTO_INCREMENT,
  `reference` varchar(20) NOT NULL,
  `note` text,
  `street_id` int DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `street_id` (`street_id`),
  CONSTRAINT `pcn_street` FOREIGN KEY (`street_id`) REFERENCES `street` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

INSERT INTO `pcn` (`id`, `reference`, `note`, `street_id`) VALUES
(1,	'QZ1',	'It\'s; a "note"',	1),
(2,	'QZ2',	'line\n-- no comment',	1),
(3,	'QZ3',	NULL,	NULL);

DROP TABLE IF EXISTS `street`;
CREATE TABLE `street` (
  `id` int NOT NULL,
  `name` varchar(50) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

INSERT INTO `street` (`id`, `name`) VALUES
(1,	'Mare Street East'),
(2,	'Café Row');

-- 2021-06-04 03:00:01
