"""The three formats of sources. Each gives the names of its columns, and its rows in batches, again and again."""
