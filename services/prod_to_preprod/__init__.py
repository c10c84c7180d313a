"""Copies a dropped dump to the pre-production account."""
