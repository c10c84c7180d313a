-- phpMyAdmin SQL Dump
-- version 5.2.1
-- https://www.phpmyadmin.net/
--
-- Host: 127.0.0.1
-- Generation Time: Jun 04, 2021 at 03:00 AM
-- Server version: 8.0.36
-- PHP Version: 8.2.12

SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";
START TRANSACTION;
SET time_zone = "+00:00";


/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;
/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;
/*!40101 SET NAMES utf8mb4 */;

--
-- Database: `liberator`
--

DELIMITER $$
--
-- Functions
--
CREATE DEFINER=`root`@`localhost` FUNCTION `pcns_of` (`p_street` INT) RETURNS INT  READS SQL DATA BEGIN DECLARE n INT; SELECT COUNT(*) INTO n FROM pcn WHERE street_id = p_street; RETURN n; END$$

DELIMITER ;

-- --------------------------------------------------------

--
-- Table structure for table `pcn`
--

CREATE TABLE `pcn` (
  `id` int NOT NULL,
  `reference` varchar(20) NOT NULL,
  `note` text DEFAULT NULL,
  `street_id` int DEFAULT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

--
-- Dumping data for table `pcn`
--

INSERT INTO `pcn` (`id`, `reference`, `note`, `street_id`) VALUES
(1, 'QZ1', 'It\'s; a \"note\"', 1),
(2, 'QZ2', 'line\n-- no comment', 1),
(3, 'QZ3', NULL, NULL);

-- --------------------------------------------------------

--
-- Table structure for table `street`
--

CREATE TABLE `street` (
  `id` int NOT NULL,
  `name` varchar(50) DEFAULT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

--
-- Dumping data for table `street`
--

INSERT INTO `street` (`id`, `name`) VALUES
(1, 'Mare Street East'),
(2, 'Café Row');

--
-- Indexes for dumped tables
--

--
-- Indexes for table `pcn`
--
ALTER TABLE `pcn`
  ADD PRIMARY KEY (`id`),
  ADD KEY `street_id` (`street_id`);

--
-- Indexes for table `street`
--
ALTER TABLE `street`
  ADD PRIMARY KEY (`id`);

--
-- AUTO_INCREMENT for dumped tables
--

--
-- AUTO_INCREMENT for table `pcn`
--
ALTER TABLE `pcn`
  MODIFY `id` int NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=4;

--
-- Constraints for dumped tables
--

--
-- Constraints for table `pcn`
--
ALTER TABLE `pcn`
  ADD CONSTRAINT `pcn_street` FOREIGN KEY (`street_id`) REFERENCES `street` (`id`);
COMMIT;

/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
