"""The database on the instance: connections to it, and the load into it."""
