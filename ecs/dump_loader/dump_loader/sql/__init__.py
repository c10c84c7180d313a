"""The SQL of a dump: taken apart, judged and rewritten as text. Nothing here talks to a server, S3 or RDS."""
