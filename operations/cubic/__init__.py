"""Cubic: its tables and feeds, its loads, and its raw zone made anew from the archive."""
