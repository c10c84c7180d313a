"""AWS on this machine. Each module stands in for a part of it, and says in its first lines how it differs.

`cloud` puts the parts together; `python -m local.emulator` runs it by itself. Some stand in for nothing: `guard`, `warm` and
`warm_server` start and end the processes, `story` records what happens, `folders` copies buckets.
"""
