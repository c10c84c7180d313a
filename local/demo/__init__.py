"""The command `make demo`: sends dumps through the emulated AWS, shows their way, and reads back what has landed."""
