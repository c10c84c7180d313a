"""The way of Cubic's files, simulated: the functions as they are, a real PostgreSQL, models of the AWS services."""
