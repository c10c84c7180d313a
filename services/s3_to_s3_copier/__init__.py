"""Copies a finished export to the landing zone and starts the Glue workflow."""
