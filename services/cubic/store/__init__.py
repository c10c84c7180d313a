"""The metadata database: each function is one transaction, and safe to repeat.

Locks are taken in one order: the table's lock (assigning), its row, its batch, its loads.
"""
