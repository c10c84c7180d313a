"""Commits a partition of the landing zone for any source: whole or not at all, and the latest wins.

Each attempt is recorded, copied, verified, committed by its manifest, and what it replaces is cleared away: `commit.land`.
"""
