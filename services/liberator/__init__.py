"""The language of Liberator: a database dump, its RDS snapshot and export, and what they are called."""
