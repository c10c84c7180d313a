"""`make demo-trino`: a file of any source, through the data commons, to a table that Trino answers from."""
