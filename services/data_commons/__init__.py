"""The language of the data commons: the spec of a data set, its versions, and the Trino table that shows the latest."""
