"""How any source commits a partition of the landing zone: whole or not at all, and the latest wins.

Each attempt is recorded, copied, verified, committed by its manifest, and what it replaces is cleared away: `commit.land`.
"""
